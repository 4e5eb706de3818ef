// Seals and opens with the npm package age-encryption, for tests/e2e/age.rs.
//
//   node age.mjs recipient IDENTITY        prints the recipient
//   node age.mjs seal RECIPIENT < plain    writes an age file
//   node age.mjs open IDENTITY < file      writes the plaintext
//
// The identities on the command line are test keys.
import { Decrypter, Encrypter, identityToRecipient } from "age-encryption";
import { readFileSync, writeFileSync } from "node:fs";

const [command, key] = process.argv.slice(2);
const input = () => new Uint8Array(readFileSync(0));

switch (command) {
  case "recipient":
    writeFileSync(1, await identityToRecipient(key));
    break;
  case "seal": {
    const encrypter = new Encrypter();
    encrypter.addRecipient(key);
    writeFileSync(1, await encrypter.encrypt(input()));
    break;
  }
  case "open": {
    const decrypter = new Decrypter();
    decrypter.addIdentity(key);
    writeFileSync(1, await decrypter.decrypt(input()));
    break;
  }
  default:
    throw new Error(`unknown command ${command}`);
}
