// Passwords from the host's own random source.

const LETTERS = 'abcdefghijkmnpqrstuvwxyzABCDEFGHJKLMNPQRSTUVWXYZ23456789';
const LENGTH = 20;

/** 20 letters and digits; ones that look alike are left out. */
export function createPassword(): string {
  let password = '';
  while (password.length < LENGTH) {
    for (const byte of crypto.getRandomValues(new Uint8Array(32))) {
      // 224 is the largest multiple of 56 below 256: every character is equally likely.
      if (byte < 224 && password.length < LENGTH) password += LETTERS[byte % LETTERS.length];
    }
  }
  return password;
}
