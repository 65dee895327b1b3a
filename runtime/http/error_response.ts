/** The error in a response without success. */

/** A response: the status and the body as text. */
export interface ManagerResponse {
  readonly status: number;
  readonly body: string;
}

/** The fields of an error that are texts; none of a response that is a proxy's, for example. */
export interface ErrorFields {
  readonly code?: string;
  readonly message?: string;
  readonly leader?: string;
}

/** The longest message that is passed on, in characters. */
const MAX_MESSAGE = 300;

/** The status, and the message if the response has the form of an error of a resource manager. */
export function failureText(response: ManagerResponse): string {
  const message = messageOf(response);
  return message === undefined ? statusText(response) : `${statusText(response)}: ${message}`;
}

/** The message alone, or else the status. */
export function reasonText(response: ManagerResponse): string {
  return messageOf(response) ?? statusText(response);
}

function statusText({ status }: ManagerResponse): string {
  return `it responded with status ${status}`;
}

function messageOf(response: ManagerResponse): string | undefined {
  return errorOf(response).message?.slice(0, MAX_MESSAGE);
}

/** Reads the error of a response. */
export function errorOf({ body }: ManagerResponse): ErrorFields {
  try {
    const fields = Object.entries((JSON.parse(body) as { error: object }).error);
    return Object.fromEntries(fields.filter(([, value]) => typeof value === "string"));
  } catch {
    return {};
  }
}
