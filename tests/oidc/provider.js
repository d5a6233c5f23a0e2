// An OpenID Connect provider (oidc-provider, by npm) that signs in whoever it is told to. Started
// with {issuer, clientId, clientSecret, comesBackTo, signedOutTo}; says its port on the first line.
// Each line it reads is {sub, claims, amr, acr}: who signs in next. It answers with an empty line.
import { generateKeyPairSync } from 'node:crypto';
import { createServer } from 'node:http';
import { createInterface } from 'node:readline';
import Provider from 'oidc-provider';

const { issuer, clientId, clientSecret, comesBackTo, signedOutTo } = JSON.parse(process.argv[2]);
const key = generateKeyPairSync('rsa', { modulusLength: 2048 }).privateKey.export({ format: 'jwk' });
const people = new Map();
let next = null;

const provider = new Provider(issuer, {
  clients: [{
    client_id: clientId,
    client_secret: clientSecret,
    redirect_uris: [comesBackTo],
    post_logout_redirect_uris: [signedOutTo],
    token_endpoint_auth_method: 'client_secret_post',
  }],
  jwks: { keys: [{ ...key, kid: 'one', use: 'sig', alg: 'RS256' }] },
  cookies: { keys: ['for tests alone'] },
  clientAuthMethods: ['client_secret_post'],
  scopes: ['openid', 'profile', 'teams'],
  acrValues: ['two-of-two'],
  claims: {
    openid: ['sub', 'acr', 'amr', 'auth_time'],
    profile: ['preferred_username', 'given_name', 'family_name', 'groups'],
    email: ['email'],
    teams: ['teams'],
  },
  conformIdTokenClaims: false,
  pkce: { required: () => true },
  routes: {
    authorization: '/authorize', token: '/token', userinfo: '/userinfo', jwks: '/keys',
    end_session: '/sign-out',
  },
  features: {
    devInteractions: { enabled: false },
    rpInitiatedLogout: {
      enabled: true,
      logoutSource: (ctx, form) => { ctx.body = form; },
    },
  },
  interactions: { url: (_ctx, interaction) => `/interaction/${interaction.uid}` },
  findAccount: (_ctx, sub) => ({
    accountId: sub,
    claims: () => ({ ...people.get(sub).claims, sub }),
  }),
  // Nobody is asked for consent: the client is the organisation's own.
  loadExistingGrant: async (ctx) => {
    const grant = new provider.Grant({ clientId, accountId: ctx.oidc.session.accountId });
    grant.addOIDCScope('openid profile email teams');
    await grant.save();
    return grant;
  },
});

const answer = provider.callback();
const server = createServer(async (request, response) => {
  if (!request.url.startsWith('/interaction/')) return answer(request, response);
  const login = { accountId: next.sub, amr: next.amr, acr: next.acr, remember: true };
  return provider.interactionFinished(request, response, { login });
});
server.listen(0, '127.0.0.1', () => console.log(server.address().port));

createInterface({ input: process.stdin }).on('line', (line) => {
  next = JSON.parse(line);
  people.set(next.sub, next);
  console.log('');
}).on('close', () => process.exit(0));
