/** A provider whose connections share no memory with their peer, as over a network. */

import type {
  Connection,
  ConnectionOptions,
  ConnectionRequest,
  Listener,
  Provider,
} from "../../../fabric/fabric.ts";

/** Wraps a provider, so that calls travel as messages. */
export function withoutSharing(provider: Provider): Provider {
  return {
    name: provider.name,
    listen: async (address) => hideListener(await provider.listen(address)),
    connect: async (address, options) => hide(await provider.connect(address, options)),
    close: () => provider.close(),
    closed: provider.closed,
    [Symbol.dispose]: () => provider[Symbol.dispose](),
    [Symbol.asyncDispose]: () => provider[Symbol.asyncDispose](),
  };
}

function hideListener(listener: Listener): Listener {
  return {
    address: listener.address,
    accept: async (options) => hideRequest(await listener.accept(options)),
    close: () => listener.close(),
    [Symbol.dispose]: () => listener[Symbol.dispose](),
  };
}

function hideRequest(request: ConnectionRequest | undefined): ConnectionRequest | undefined {
  return request && {
    privateData: request.privateData,
    accept: async (options: ConnectionOptions) => hide(await request.accept(options)),
    reject: (privateData) => request.reject(privateData),
  };
}

/** Private fields are those of the connection itself, so its methods are bound to it. */
function hide(connection: Connection): Connection {
  return new Proxy(connection, {
    get(target, name) {
      if (name === "shared") return undefined;
      const value: unknown = Reflect.get(target, name, target);
      return typeof value === "function" ? value.bind(target) : value;
    },
  });
}
