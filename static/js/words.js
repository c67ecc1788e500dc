// What the scripts say, in the language of the page: the catalogue of realtime/presentation/texts.py.

export const words = {};

/** Takes the page's catalogue (its `<script id="words" type="application/json">`). */
export function useWords(catalogue) {
  Object.assign(words, catalogue);
}

/** `{n} min` with its places filled. */
export function filled(sentence, places) {
  return sentence.replace(/\{(\w+)\}/g, (whole, name) => places[name] ?? whole);
}
