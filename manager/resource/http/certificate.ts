import type { PemPair } from "../../http/http_server.ts";
import type { Logger } from "../../log.ts";
import { readTlsFiles, type TlsFiles } from "./tls_files.ts";

/** The certificate of the `https:` addresses, which follows its files. */
export class Certificate {
  readonly #files: TlsFiles;
  readonly #log: Logger;
  readonly #listeners: ((pair: PemPair) => void)[] = [];
  #pair: PemPair;
  /** The last error, which is logged once and not at each reading. */
  #failure = "";
  #reading: Promise<void> = Promise.resolve();

  private constructor(files: TlsFiles, pair: PemPair, log: Logger) {
    this.#files = files;
    this.#pair = pair;
    this.#log = log;
  }

  /** Reads the files. @throws {CertificateUnavailableError} if the certificate cannot be used. */
  static async open(files: TlsFiles, log: Logger): Promise<Certificate> {
    return new Certificate(files, await readTlsFiles(files), log);
  }

  get pair(): PemPair {
    return this.#pair;
  }

  /** Calls a function with each new certificate. */
  onChange(listener: (pair: PemPair) => void): void {
    this.#listeners.push(listener);
  }

  /** Reads the files again. If the new certificate cannot be used, logs the reason and keeps the current one. */
  reload(): Promise<void> {
    return this.#reading = this.#reading.then(() => this.#reload());
  }

  async #reload(): Promise<void> {
    const { certFile } = this.#files;
    try {
      const pair = await readTlsFiles(this.#files);
      this.#failure = "";
      if (pair.cert === this.#pair.cert && pair.key === this.#pair.key) return;
      for (const listener of this.#listeners) listener(pair);
      this.#pair = pair;
      this.#log.info("New connections use the new certificate in {certFile}", { certFile });
    } catch (error) {
      const message = error instanceof Error ? error.message : String(error);
      if (message === this.#failure) return;
      this.#failure = message;
      this.#log.error("The certificate is unchanged: {message}", { message });
    }
  }
}
