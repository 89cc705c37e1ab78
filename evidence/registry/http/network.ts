import { lookup } from "node:dns/promises";
import { connect, type Socket } from "node:net";

export interface ResolvedAddress {
  readonly address: string;
  readonly family: 4 | 6;
}

/** The network below us; tests bring their own, so that nothing is sent to the addresses that they talk about. */
export interface Network {
  readonly resolve: (host: string) => Promise<readonly ResolvedAddress[]>;
  /** Connects to the first of these addresses that answers. */
  readonly dial: (addresses: readonly ResolvedAddress[], port: number) => Socket;
}

export const SYSTEM_NETWORK: Network = {
  resolve: async (host) =>
    (await lookup(host, { all: true })).map(({ address, family }) => ({ address, family: family === 6 ? 6 : 4 })),
  dial: (addresses, port) =>
    connect({
      // The name is nothing but a label here: `lookup` answers with the addresses that were checked.
      host: "checked.invalid",
      port,
      autoSelectFamily: true,
      lookup: (_host, options, callback) => {
        const [first] = addresses;
        if (options.all === true) callback(null, [...addresses]);
        else if (first === undefined) callback(new Error("no address"), "", 4);
        else callback(null, first.address, first.family);
      },
    }),
};
