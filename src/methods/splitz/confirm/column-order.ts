/**
 * Columns numbered so that those which share a row are close: breadth first from a column at the rim, and then reversed
 * (Cuthill and McKee 1969; George 1971, without the order by degree). Nothing rests on it but time: a factorisation fills
 * what lies between the first entry of a row and its diagonal, which for a convolution is a band instead of nearly all.
 */

/** The columns that have entries, in their new order. `rows` holds the columns of each row, all below `cols`. */
export function columnOrder(rows: readonly Int32Array[], cols: number): readonly number[] {
  const rowsOf: number[][] = Array.from({ length: cols }, () => []);
  for (const [r, columns] of rows.entries()) for (const c of columns) rowsOf[c]?.push(r);
  const breadthFirst = (from: number): number[] => {
    const reached = new Set([from]);
    const seen = new Set<number>();
    for (const column of reached)
      for (const r of rowsOf[column] ?? []) {
        if (seen.has(r)) continue;
        seen.add(r);
        for (const c of rows[r] ?? []) reached.add(c);
      }
    return [...reached];
  };
  const order: number[] = [];
  const done = new Uint8Array(cols);
  for (let c = 0; c < cols; c++) {
    if (done[c] === 1 || rowsOf[c]?.length === 0) continue;
    const rim = breadthFirst(c).at(-1) ?? c;
    for (const column of breadthFirst(rim)) {
      done[column] = 1;
      order.push(column);
    }
  }
  return order.reverse();
}
