/** The rules of src/prompt/stable, in the order in which they are applied. */
export const stableRuleNames = [
  'billing_header',
  'trailing_whitespace',
  'clock_time',
  'session_ids',
  'tool_order',
  'tool_keys',
] as const;

/** What is kept stable in prompts, as the configuration file and the API call it. */
export type StableRuleName = (typeof stableRuleNames)[number];

/** Which rules are on. */
export type StableRuleSwitches = Readonly<Record<StableRuleName, boolean>>;

/** On are those that take away nothing a model could make use of. */
export const defaultStableRules: StableRuleSwitches = {
  billing_header: true,
  trailing_whitespace: false,
  clock_time: false,
  session_ids: false,
  tool_order: false,
  tool_keys: false,
};
