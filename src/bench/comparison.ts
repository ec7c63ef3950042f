import { spread, type Spread } from './statistics.js';
import type { GroupSummary, RoundFigures } from './summary.js';

/** How the second server's figures of a group relate to the first one's: ratios of the same round. */
export interface GroupComparison {
  readonly group: string;
  readonly ratios: Readonly<Partial<Record<RatioFigure, Spread>>>;
}

type RatioFigure = Exclude<keyof RoundFigures, 'round'>;

const figures: readonly RatioFigure[] = [
  'firstToken',
  'gapP99',
  'worstGap',
  'tokensPerSecond',
  'goodPerSecond',
];

/** Second over first, for the groups in which both have figures. What disturbs a round disturbs both, so rounds are paired. */
export function compareGroups(
  first: readonly GroupSummary[],
  second: readonly GroupSummary[],
): GroupComparison[] {
  return first.flatMap(({ group, rounds }) => {
    const other = second.find((summary) => summary.group === group)?.rounds;
    if (other === undefined) return [];
    const ratios = figures.flatMap((figure) => {
      const ratio = spread(
        rounds.flatMap((round) => {
          const [below, above] = [round[figure], other.find((same) => same.round === round.round)?.[figure]];
          return below === undefined || above === undefined || below === 0 ? [] : [above / below];
        }),
      );
      return ratio === undefined ? [] : [[figure, ratio] as const];
    });
    return ratios.length === 0 ? [] : [{ group, ratios: Object.fromEntries(ratios) }];
  });
}
