/** The part of jStat 1.9 this project calls; the package ships no types. */
declare module 'jstat' {
  interface JStat {
    readonly beta: { inv(p: number, alpha: number, beta: number): number };
    readonly normal: {
      inv(p: number, mean: number, std: number): number;
      cdf(x: number, mean: number, std: number): number;
    };
  }
  const module: { readonly jStat: JStat };
  export default module;
}
