// Measuring on a machine that is shared: contestants take turns (A B A B …), and medians are compared.

export function median(values) {
  const sorted = [...values].sort((a, b) => a - b);
  const middle = sorted.length >> 1;
  return sorted.length % 2 === 1 ? sorted[middle] : (sorted[middle - 1] + sorted[middle]) / 2;
}

/**
 * Runs each contestant in turn, `rounds` times after one warm-up round. A contestant is a function that works for about
 * `seconds` and resolves to the number of things it did. Gives, per contestant, the rate by wall clock and by CPU time
 * of the whole process (things per CPU second), one value a round.
 */
export async function inTurns(contestants, { rounds, seconds }) {
  const results = contestants.map(() => ({ wall: [], cpu: [] }));
  for (let round = 0; round <= rounds; round++)
    for (const [i, contestant] of contestants.entries()) {
      const cpuBefore = process.cpuUsage();
      const before = performance.now();
      const done = await contestant(seconds);
      const wall = (performance.now() - before) / 1e3;
      const { user, system } = process.cpuUsage(cpuBefore);
      if (round === 0) continue;
      results[i].wall.push(done / wall);
      results[i].cpu.push(done / ((user + system) / 1e6));
    }
  return results;
}

/** Median over the rounds of first/second: neighbours in time, so what disturbs one mostly disturbs the other. */
export function ratio(first, second) {
  return median(first.map((value, round) => value / second[round]));
}

/** Columns of text, the first to the left and the others to the right. */
export function table(rows) {
  const widths = rows[0].map((_, column) => Math.max(...rows.map((row) => String(row[column]).length)));
  return rows
    .map((row) =>
      row
        .map((cell, column) =>
          column === 0 ? String(cell).padEnd(widths[0]) : String(cell).padStart(widths[column]),
        )
        .join('  '),
    )
    .join('\n');
}
