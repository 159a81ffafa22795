export async function measure(_folder: string): Promise<void> {}
