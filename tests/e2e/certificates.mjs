// Certificates as operators make them, with the openssl program: authorities, server and client
// certificates with the names that a test asks for, valid when it says. Keys are P-256, which is
// fast to make.
import { execFileSync } from 'node:child_process';
import { X509Certificate, createHash } from 'node:crypto';
import { copyFileSync, mkdirSync, readFileSync, renameSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';

const hour = 3_600_000;
const newKey = ['-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:P-256', '-nodes'];

const openssl = (...args) => execFileSync('openssl', args, { stdio: ['ignore', 'ignore', 'pipe'] });

// Seconds of UTC, as `openssl ca` takes them: YYYYMMDDHHMMSSZ.
const asn1Time = (time) => `${new Date(time).toISOString().slice(0, 19).replace(/[-:T]/g, '')}Z`;

// A certificate and its private key, as two PEM files.
export class Identity {
  constructor(certificateFile, keyFile) {
    Object.assign(this, { certificateFile, keyFile });
  }

  get cert() {
    return readFileSync(this.certificateFile, 'utf8');
  }

  get key() {
    return readFileSync(this.keyFile, 'utf8');
  }

  // For node:tls.
  get tls() {
    return { cert: this.cert, key: this.key };
  }

  // The RFC 7469 pin of the key, computed from what a client sees.
  get pin() {
    return pinOf(new X509Certificate(this.cert));
  }
}

export function pinOf(certificate) {
  const spki = certificate.publicKey.export({ type: 'spki', format: 'der' });
  return `sha256/${createHash('sha256').update(spki).digest('base64')}`;
}

// A CA with a folder of its own below `folder`. Two may have the same subject, and only their keys
// tell them apart.
export class Authority {
  constructor(folder, name = 'authority', subject = name) {
    this.folder = join(folder, name);
    mkdirSync(this.folder);
    this.file = this.#file('ca.pem');
    writeFileSync(this.#file('index.txt'), '');
    writeFileSync(this.#file('openssl.conf'), `
[ca]
default_ca = here
[here]
database = ${this.#file('index.txt')}
new_certs_dir = ${this.folder}
rand_serial = yes
unique_subject = no
default_md = sha256
policy = any
[any]
commonName = optional
`);
    openssl('req', '-x509', ...newKey, '-keyout', this.#file('ca.key'), '-out', this.file,
      '-days', '2', '-subj', `/CN=${subject}`, '-addext', 'keyUsage = critical,keyCertSign');
  }

  get cert() {
    return readFileSync(this.file, 'utf8');
  }

  // For a TLS server. names: subjectAltName entries as OpenSSL writes them, such as
  // DNS:mcp.example.com. key: that of another identity, as when a certificate is renewed.
  server(name, names, options) {
    return this.#issue(name, { names, usage: 'serverAuth', ...options });
  }

  // For a TLS client, without names when there are none. commonName: its own name unless it is said.
  // begins, ends: milliseconds from now.
  client(name, names = [], options = {}) {
    return this.#issue(name, { names, usage: 'clientAuth', ...options });
  }

  #issue(name, { names, usage, key, commonName = name, begins = -hour, ends = hour }) {
    const identity = new Identity(this.#file(`${name}.pem`), this.#file(`${name}.key`));
    if (key) copyFileSync(key.keyFile, identity.keyFile);
    const request = this.#file(`${name}.csr`);
    openssl('req', '-new', ...(key ? ['-key', identity.keyFile] : [...newKey, '-keyout', identity.keyFile]),
      '-subj', `/CN=${commonName.replaceAll('/', '\\/')}`, '-out', request);
    const extensions = this.#file(`${name}.extensions`);
    writeFileSync(extensions, [
      'basicConstraints = critical,CA:false', `extendedKeyUsage = ${usage}`,
      ...(names.length ? [`subjectAltName = ${names.join(',')}`] : []),
    ].join('\n'));
    openssl('ca', '-batch', '-notext', '-config', this.#file('openssl.conf'), '-cert', this.file,
      '-keyfile', this.#file('ca.key'), '-in', request, '-out', identity.certificateFile,
      '-extfile', extensions,
      '-startdate', asn1Time(Date.now() + begins), '-enddate', asn1Time(Date.now() + ends));
    return identity;
  }

  #file(name) {
    return join(this.folder, name);
  }
}

// A certificate that nobody but its own key vouches for.
export function selfSigned(folder, name, names) {
  const identity = new Identity(join(folder, `${name}.pem`), join(folder, `${name}.key`));
  openssl('req', '-x509', ...newKey, '-keyout', identity.keyFile, '-out', identity.certificateFile,
    '-days', '2', '-subj', `/CN=${name}`, '-addext', `subjectAltName = ${names.join(',')}`);
  return identity;
}

// Puts a copy of the file in the other's place, in one step as a renewal does: nobody reads half.
export function replaceFile(from, to) {
  copyFileSync(from, `${to}.new`);
  renameSync(`${to}.new`, to);
}
