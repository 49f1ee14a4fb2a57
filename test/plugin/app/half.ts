export const half = (x: number): number => x * 0.5;
