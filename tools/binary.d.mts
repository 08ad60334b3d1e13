/** The script behind a command of a package, as a path. */
export declare function binary(name: string, pkg?: string): string;
