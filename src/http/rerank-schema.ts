import { z } from 'zod';
import { standingFields } from './openai/standing-schema.js';

/** Documents of one request, as Jina limits them. */
const mostDocuments = 2048;

const document = z.union([z.string(), z.strictObject({ text: z.string() })], {
  error: 'a document must be a text, or an object with a text',
});

/** The body of `POST /v1/rerank`: that of Jina and Cohere. */
export const rerankSchema = z.strictObject({
  ...standingFields,
  model: z.string().min(1),
  query: z.string().min(1, 'query must not be empty'),
  documents: z
    .array(document)
    .min(1, 'there must be at least one document')
    .max(mostDocuments, `there can be ${mostDocuments} documents at most`),
  /** Results at most: the most relevant ones. */
  top_n: z.int().min(1).optional(),
  /** Each result has its document. */
  return_documents: z.boolean().default(false),
});

/** The texts of documents. */
export function toTexts(documents: z.infer<typeof rerankSchema>['documents']): string[] {
  return documents.map((one) => (typeof one === 'string' ? one : one.text));
}
