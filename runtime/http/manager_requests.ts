/** Requests to the resource manager whose responses are checked, and whose refusals are errors. */
import { LeaseOverError, UnauthorizedError } from "../errors.ts";
import { errorSchema } from "./manager_api.ts";
import type { ManagerResponse } from "./error_response.ts";
import { type ManagerAddress, ManagerHttp } from "./manager_http.ts";
import { ManagerRefusedError } from "./manager_refused.ts";
import * as v from "../valibot.ts";

export class ManagerRequests {
  readonly #http: ManagerHttp;

  /** @throws {TypeError} {RangeError} When the address is not valid. */
  constructor(address: ManagerAddress) {
    this.#http = new ManagerHttp(address);
  }

  /** The address without user name and password. */
  get url(): string {
    return this.#http.url;
  }

  /** Requests something to read. */
  async get<S extends v.GenericSchema>(
    schema: S,
    path: string,
    signal?: AbortSignal,
  ): Promise<v.InferOutput<S>> {
    return this.read(schema, await this.send("GET", path, undefined, signal));
  }

  /**
   * Sends a request.
   *
   * @param waitMs How much longer than others the request may take.
   * @param traceparent The trace that the request is part of. @default the active one
   * @returns The response of a success.
   */
  async send(
    method: string,
    path: string,
    body?: unknown,
    signal?: AbortSignal,
    waitMs = 0,
    traceparent?: string,
  ): Promise<ManagerResponse> {
    const response = await this.#http.send(method, path, body, signal, waitMs, traceparent);
    const { status } = response;
    if (status >= 200 && status < 300) return response;
    const { code, message } = this.read(errorSchema, response).error;
    if (status === 401 || status === 403) throw new UnauthorizedError(message);
    if (status >= 400) throw new ManagerRefusedError(message, status, code);
    throw this.#http.unusable(`it responded with status ${status}`);
  }

  /** The same for a request about a lease. @throws {LeaseOverError} When it is unknown or has ended. */
  async sendOfLease(
    method: string,
    path: string,
    body?: unknown,
    signal?: AbortSignal,
  ): Promise<ManagerResponse> {
    try {
      return await this.send(method, path, body, signal);
    } catch (cause) {
      if (cause instanceof ManagerRefusedError && (cause.status === 404 || cause.status === 410)) {
        throw new LeaseOverError(cause.message, "revoked", { cause });
      }
      throw cause;
    }
  }

  /** Reads the body of a response. */
  read<S extends v.GenericSchema>(schema: S, response: ManagerResponse): v.InferOutput<S> {
    let json: unknown;
    try {
      json = JSON.parse(response.body);
    } catch (cause) {
      throw this.#http.unusable(`its response ${response.status} is not JSON`, { cause });
    }
    const checked = v.safeParse(schema, json);
    if (checked.success) return checked.output;
    const issue = checked.issues[0];
    const field = issue.path?.map((item) => String(item.key)).join(".") ?? "body";
    throw this.#http.unusable(`its response is not valid: field ${field}: ${issue.message}`);
  }

  /** Closes the connections. May be called twice. */
  close(): void {
    this.#http.close();
  }
}
