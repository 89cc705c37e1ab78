/** Text of strangers (names of images, of files) as a terminal may have it: control characters, also those that turn the direction, are spelled out. */
export const terminalText = (text: string): string =>
  text.replaceAll(/[\p{Cc}\p{Cf}\p{Zl}\p{Zp}]/gu, (character) => `\\u{${character.codePointAt(0)?.toString(16)}}`);
