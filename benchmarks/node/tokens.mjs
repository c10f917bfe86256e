// Verifiers of npm, each in its fastest documented use, beside Node's own verification of the same signatures, in turns.
// In: one JSON document with tokens, jwks, issuer, pool and client. Out: one with the microseconds of each round.
import { createPublicKey, verify } from "node:crypto";
import { readFileSync } from "node:fs";
import { createRequire } from "node:module";
import { join } from "node:path";
import { pathToFileURL } from "node:url";

const installed = createRequire(join(process.argv[2], "package.json"));
const { CognitoJwtVerifier } = installed("aws-jwt-verify");
const { createVerifier } = installed("fast-jwt");
const { jwtVerify, importJWK } = await import(pathToFileURL(installed.resolve("jose")));

const { tokens, jwks, issuer, pool, client, rounds } = JSON.parse(readFileSync(0, "utf8"));
const key = createPublicKey({ key: jwks.keys[0], format: "jwk" });
const pem = key.export({ type: "spki", format: "pem" });
const parts = tokens.map((token) => {
  const end = token.lastIndexOf(".");
  return [Buffer.from(token.slice(0, end)), Buffer.from(token.slice(end + 1), "base64url")];
});

const cognito = CognitoJwtVerifier.create({ userPoolId: pool, clientId: client, tokenUse: "access" });
cognito.cacheJwks(jwks);
const fast = (cache) => createVerifier({ key: pem, algorithms: ["RS256"], allowedIss: issuer, requiredClaims: ["exp"], cache });
const [uncached, cached] = [fast(false), fast(tokens.length * 2)];
const joseKey = await importJWK(jwks.keys[0], "RS256");

const UNIT = "the bare RSA verification";
const contenders = {
  [UNIT]: (_, at) => verify("sha256", parts[at][0], key, parts[at][1]),
  "aws-jwt-verify, keys at hand": (token) => cognito.verifySync(token),
  "fast-jwt, prepared key": (token) => uncached(token),
  "fast-jwt, a remembered token": (token) => cached(token),
  "jose for Node, prepared key": (token) => jwtVerify(token, joseKey, { algorithms: ["RS256"], issuer, requiredClaims: ["exp"] }),
};

// Who accepts what is forged is not timed.
const forged = tokens[0].slice(0, -8) + "AAAAAAAA";
for (const [name, call] of Object.entries(contenders)) {
  if (name === UNIT) continue;
  let refused = false;
  try { await call(forged, 0); } catch { refused = true; }
  if (!refused) throw new Error(`${name} accepts a forged token`);
}

const names = Object.keys(contenders);
const taken = Object.fromEntries(names.map((name) => [name, []]));
for (let round = -3; round < rounds; round++) {
  for (let turn = 0; turn < names.length; turn++) {
    const name = names[(turn + Math.max(round, 0)) % names.length], call = contenders[name];
    const start = process.hrtime.bigint();
    if (name.startsWith("jose")) {
      for (let at = 0; at < tokens.length; at++) await call(tokens[at], at);
    } else {
      for (let at = 0; at < tokens.length; at++) call(tokens[at], at);
    }
    const each = Number(process.hrtime.bigint() - start) / 1000 / tokens.length;
    if (round >= 0) taken[name].push(each);
  }
}
process.stdout.write(JSON.stringify({ node: process.version, unit: UNIT, taken }));
