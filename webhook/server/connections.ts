import type { Socket } from "node:net";
import { OF_PEER } from "./shares.ts";

interface Connection {
  readonly socket: Socket;
  /** Whether a review came by it that was answered. */
  used: boolean;
}

/**
 * Bounds the connections: each costs memory before anybody knows whose it is. Beyond the bound, or beyond one peer's part of it, the oldest
 * connection goes that never brought a review, of the peer that has most; where there is none, the one that has just come.
 */
export class Connections {
  readonly #most: number;
  readonly #ofPeer: number;
  /** By the peer's address, then by its port; the oldest first. */
  readonly #peers = new Map<string, Map<number, Connection>>();
  #count = 0;

  constructor(most: number) {
    this.#most = most;
    this.#ofPeer = Math.ceil(most * OF_PEER);
  }

  /** A connection has come. */
  accept(socket: Socket): void {
    const { remoteAddress, remotePort } = socket;
    if (remoteAddress === undefined || remotePort === undefined) {
      socket.destroy();
      return;
    }
    const own = this.#peers.get(remoteAddress) ?? new Map<number, Connection>();
    this.#peers.set(remoteAddress, own);
    own.set(remotePort, { socket, used: false });
    this.#count += 1;
    socket.once("close", () => this.#remove(remoteAddress, remotePort, socket));
    if (own.size > this.#ofPeer) this.#drop(remoteAddress, own);
    else if (this.#count > this.#most) {
      const [address, heaviest] = [...this.#peers].toSorted(([, one], [, other]) => other.size - one.size)[0] ?? [];
      if (address !== undefined && heaviest !== undefined) this.#drop(address, heaviest);
    }
  }

  /** A review came by this connection. */
  used({ remoteAddress, remotePort }: Socket): void {
    const connection = this.#peers.get(remoteAddress ?? "")?.get(remotePort ?? 0);
    if (connection !== undefined) connection.used = true;
  }

  #drop(address: string, connections: ReadonlyMap<number, Connection>): void {
    const all = [...connections];
    const [port, victim] = all.find(([, { used }]) => !used) ?? all.at(-1) ?? [];
    if (port === undefined || victim === undefined) return;
    victim.socket.destroy();
    this.#remove(address, port, victim.socket);
  }

  #remove(address: string, port: number, socket: Socket): void {
    const own = this.#peers.get(address);
    // The port may have been taken again.
    if (own?.get(port)?.socket !== socket) return;
    own.delete(port);
    this.#count -= 1;
    if (own.size === 0) this.#peers.delete(address);
  }
}
