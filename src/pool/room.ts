/** What a load asks for, bytes. */
export interface Room {
  /** Of the engine and its host. */
  readonly engineBytes: number;
  /** Of its prompts, which it is not loaded without. */
  readonly promptBytes: number;
  /** Of its prompts, as far as it is free: nobody gives way for it. */
  readonly wishedBytes: number;
}
