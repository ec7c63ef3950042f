/**
 * The key that a command sends to a running server: what it was told, else that of the environment, where the admin key
 * goes before the API key, since commands look after the server.
 */
export function keyFor(
  given: string | undefined,
  environment: NodeJS.ProcessEnv = process.env,
): string | undefined {
  const { HEDDLE_ADMIN_KEY: admin = '', HEDDLE_API_KEY: api = '' } = environment;
  const key = given ?? (admin === '' ? api : admin);
  return key === '' ? undefined : key;
}
