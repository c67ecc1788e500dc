// The scripts' texts in the language of the page: the catalogue of realtime/presentation/texts.py.

export const words = {};

/** Take over the page's catalogue (its `<script id="words" type="application/json">`). */
export function useWords(catalogue) {
  Object.assign(words, catalogue);
}

/** Fill the placeholders of a sentence: `{n} min` and `{ n: 3 }` give `3 min`. */
export function filled(sentence, values) {
  return sentence.replace(/\{(\w+)\}/g, (placeholder, name) => values[name] ?? placeholder);
}
