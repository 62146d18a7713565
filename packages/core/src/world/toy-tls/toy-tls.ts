import { assert } from '../../base/assert.ts';
import { utf8, utf8Text } from '../../base/bytes.ts';
import { NetworkError, type Connection, type ConnectionHandler } from '../network.ts';
import type { SecuredConnection, TlsClientOptions, TlsFacts, TlsServerOptions } from '../tls.ts';
import { clientCertificate, serverProblem, ToyContext, toyDer, type ToyCertificate } from './toy-certificate.ts';
import { ToyConnection } from './toy-connection.ts';
import { encodeRecords, recordType, ToyRecordReader, type ToyRecord } from './toy-records.ts';

interface ClientHello {
  readonly kind: 'clientHello';
  readonly alpn: readonly string[];
}
interface ServerHello {
  readonly kind: 'serverHello';
  readonly alpn: string | null;
  readonly certificate: ToyCertificate;
  readonly asksForCertificate: boolean;
}
interface Finished {
  readonly kind: 'finished';
  readonly certificate: ToyCertificate | null;
}
type HandshakeMessage = ClientHello | ServerHello | Finished;

/**
 * TLS for worlds without cryptography: records, a handshake of one round trip, ALPN, certificates, alerts. Nothing is secret and everybody is
 * honest about who he is, but the order of things is that of TLS 1.3: an end that speaks it and one that does not fail each other as they would.
 */
export function secureWithToy(
  plain: Connection,
  options: TlsServerOptions | TlsClientOptions,
): Promise<SecuredConnection> {
  return new Promise((resolve, reject) => {
    new ToyHandshake(plain, options, resolve, reject).start();
  });
}

class ToyHandshake implements ConnectionHandler {
  readonly #plain: Connection;
  readonly #options: TlsServerOptions | TlsClientOptions;
  readonly #context: ToyContext;
  readonly #reader: ToyRecordReader = new ToyRecordReader();
  readonly #resolve: (secured: SecuredConnection) => void;
  readonly #reject: (error: NetworkError) => void;
  #alpn: string | undefined;
  #over = false;

  constructor(
    plain: Connection,
    options: TlsServerOptions | TlsClientOptions,
    resolve: (secured: SecuredConnection) => void,
    reject: (error: NetworkError) => void,
  ) {
    assert(options.context instanceof ToyContext, 'the context comes from this network');
    this.#plain = plain;
    this.#options = options;
    this.#context = options.context;
    this.#resolve = resolve;
    this.#reject = reject;
  }

  start(): void {
    const options = this.#options;
    this.#plain.attach(this);
    this.#plain.resume();
    if (options.kind === 'client') this.#send({ kind: 'clientHello', alpn: options.alpn });
    else if (options.received !== undefined && options.received.length > 0) this.data(options.received);
  }

  data(bytes: Uint8Array): void {
    if (this.#over) return;
    const records = this.#reader.read(bytes);
    if (records === undefined) return this.#fail('wrong version number');
    for (let i = 0; i < records.length && !this.#over; i++) {
      this.#take(records[i] as ToyRecord, records.slice(i + 1));
    }
  }

  end(): void {
    this.#end(new NetworkError('reset', 'the connection ended before TLS was established'));
    this.#plain.destroy();
  }

  drain(): void {}

  closed(error: NetworkError | undefined): void {
    this.#end(error ?? new NetworkError('closed', 'the connection was closed before TLS was established'));
  }

  #take(record: ToyRecord, later: readonly ToyRecord[]): void {
    if (record.type === recordType.alert) return this.#fail(`alert: ${utf8Text(record.content)}`, false);
    const message = record.type === recordType.handshake ? messageOf(record.content) : undefined;
    const { kind } = this.#options;
    if (message?.kind === 'clientHello' && kind === 'server') return this.#onClientHello(message);
    if (message?.kind === 'serverHello' && kind === 'client') return this.#onServerHello(message, later);
    if (message?.kind === 'finished' && kind === 'server') return this.#onFinished(message, later);
    this.#fail('unexpected message');
  }

  #onClientHello(hello: ClientHello): void {
    const { toy, authorities } = this.#context;
    assert(toy !== undefined, 'a server has a certificate');
    this.#alpn = this.#options.alpn.find((ours) => hello.alpn.includes(ours));
    if (hello.alpn.length > 0 && this.#alpn === undefined) return this.#fail('no application protocol');
    const asksForCertificate = authorities !== undefined;
    this.#send({ kind: 'serverHello', alpn: this.#alpn ?? null, certificate: toy, asksForCertificate });
  }

  #onServerHello(hello: ServerHello, later: readonly ToyRecord[]): void {
    const { verify, serverName } = this.#options as TlsClientOptions;
    const { authorities, toy } = this.#context;
    const name = verify === 'name' ? serverName : undefined;
    const problem = verify === 'none' ? undefined : serverProblem(hello.certificate, authorities, name);
    if (problem !== undefined) return this.#fail(problem);
    this.#alpn = hello.alpn ?? undefined;
    this.#send({ kind: 'finished', certificate: hello.asksForCertificate && toy !== undefined ? toy : null });
    this.#establish(hello.certificate, undefined, later);
  }

  #onFinished({ certificate }: Finished, later: readonly ToyRecord[]): void {
    const client = certificate === null ? undefined : clientCertificate(certificate, this.#context.authorities);
    this.#establish(this.#context.toy, client, later);
  }

  #establish(
    server: ToyCertificate | undefined,
    client: TlsFacts['clientCertificate'],
    later: readonly ToyRecord[],
  ): void {
    this.#over = true;
    const connection = new ToyConnection(this.#plain, this.#reader, later);
    const facts: TlsFacts = {
      protocol: 'TLSv1.3',
      cipher: 'TOY',
      alpn: this.#alpn,
      serverCertificate: server && toyDer(server),
      clientCertificate: client,
    };
    this.#resolve({ connection, facts });
  }

  #send(message: HandshakeMessage): void {
    this.#plain.write(encodeRecords(recordType.handshake, utf8(JSON.stringify(message))));
  }

  /** Tells the other end why, as far as it listens. */
  #fail(problem: string, tell: boolean = true): void {
    if (tell) this.#plain.write(encodeRecords(recordType.alert, utf8(problem)));
    this.#end(new NetworkError('tls', problem));
    // Not by destroying: the alert may still be on its way.
    if (tell) this.#plain.end();
    else this.#plain.destroy();
  }

  #end(error: NetworkError): void {
    if (this.#over) return;
    this.#over = true;
    this.#reject(error);
  }
}

function messageOf(content: Uint8Array): HandshakeMessage | undefined {
  try {
    return JSON.parse(utf8Text(content)) as HandshakeMessage;
  } catch {
    return undefined;
  }
}
