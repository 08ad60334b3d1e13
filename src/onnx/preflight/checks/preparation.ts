/** Findings about how a model answers images with known labels. Made by running it (runs/preparation), not from the file. */
import type { Rule } from '../finding.ts';

export const otherPreparation: Rule = {
  id: 'SPLITZ031',
  name: 'other-preparation',
  severity: 'warning',
  title: 'With its pixels prepared another way the network finds clearly more labels.',
  why: 'what is certified is the network with the preparation given; a wrong one costs accuracy that noise then gets the blame for',
  remedy: 'Check with the vendor how pixels are prepared. Nothing is changed automatically.',
};

export const atChance: Rule = {
  id: 'SPLITZ032',
  name: 'at-chance',
  severity: 'warning',
  title: 'The network finds no more labels than guessing would.',
  why: 'certificates of answers that are wrong, or right by chance, say nothing about the network',
  remedy:
    'Check that data and labels are those of the model: the data set, the order of the classes, how pixels are prepared.',
};
