import type { Logger } from "../log.ts";
import { type PemPair, readTlsFiles, type TlsFiles } from "./tls_files.ts";

/** The certificate that is shown, read again when its files may have changed. */
export class Certificate {
  readonly #files: TlsFiles;
  readonly #log: Logger;
  readonly #uses: ((pair: PemPair) => void)[] = [];
  #pair: PemPair;
  /** What was last found wrong: said once, not each time that the files are looked at. */
  #failure = "";
  #reading: Promise<void> = Promise.resolve();

  private constructor(files: TlsFiles, pair: PemPair, log: Logger) {
    this.#files = files;
    this.#pair = pair;
    this.#log = log;
  }

  /** @throws {CertificateUnavailable} if it can't be used. */
  static async open(files: TlsFiles, log: Logger): Promise<Certificate> {
    return new Certificate(files, await readTlsFiles(files), log);
  }

  get pair(): PemPair {
    return this.#pair;
  }

  /** Calls this with each new one. */
  onChange(use: (pair: PemPair) => void): void {
    this.#uses.push(use);
  }

  /** Reads the files. What can't be used is logged, and the certificate stays as it is. */
  reload(): Promise<void> {
    return this.#reading = this.#reading.then(() => this.#reload());
  }

  async #reload(): Promise<void> {
    const { certFile } = this.#files;
    try {
      const pair = await readTlsFiles(this.#files);
      this.#failure = "";
      if (pair.cert === this.#pair.cert && pair.key === this.#pair.key) return;
      for (const use of this.#uses) use(pair);
      this.#pair = pair;
      this.#log.info("The certificate in {certFile} is new and is shown from now on", { certFile });
    } catch (error) {
      const message = error instanceof Error ? error.message : String(error);
      if (message === this.#failure) return;
      this.#failure = message;
      this.#log.error("The certificate stays as it was: {message}", { message });
    }
  }
}
