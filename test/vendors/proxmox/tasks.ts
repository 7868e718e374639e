// What the fake cluster works on: tasks that end after some looks, and lock the machine they are about.

import { Refusal as VendorRefusal } from '../../contract/vendor.ts';

/** A machine or container of the fake. */
export type FakeGuest = {
  readonly vmid: number;
  readonly type: 'qemu' | 'lxc';
  node: string;
  status: 'running' | 'stopped';
  template: boolean;
  lock?: string;
  config: Record<string, string>;
};

type Task = { looks: number; readonly finish: () => string; ended?: string };

/** Work in the background: what comes of it, and what is left when it fails. */
export type Work = {
  readonly kind: string;
  readonly guest: FakeGuest;
  readonly finish: () => void;
  readonly undo?: () => void;
  /** As the UPID says it; the guest's when absent */
  readonly id?: number;
};

/** Proxmox's own form of a refusal. */
export class Refusal extends VendorRefusal {
  constructor(status: number, message: string, errors?: Readonly<Record<string, string>>) {
    super(status, {
      data: null,
      message: `${message}
`,
      ...(errors === undefined ? {} : { errors }),
    });
  }
}

/** The tasks of one cluster; `looksOf` says how many looks the next one needs. */
export function createTasks(user: string, looksOf: () => number) {
  const tasks = new Map<string, Task>();
  const failures = new Map<string, string>();
  let nextTask = 1;

  function begin({ kind, guest, finish, undo, id = guest.vmid }: Work): string {
    const serial = (nextTask++).toString(16).toUpperCase().padStart(8, '0');
    const upid = `UPID:${guest.node}:${serial}:0001:6925A1B2:${kind}:${id}:${user}:`;
    const failure = failures.get(kind);
    failures.delete(kind);
    tasks.set(upid, {
      looks: looksOf(),
      finish: () => {
        delete guest.lock;
        if (failure !== undefined) {
          undo?.();
          return failure;
        }
        finish();
        return 'OK';
      },
    });
    return upid;
  }

  function lookAt(upid: string): unknown {
    const task = tasks.get(upid);
    if (task === undefined) throw new Refusal(500, `no such task`);
    task.looks -= 1;
    if (task.looks <= 0 && task.ended === undefined) task.ended = task.finish();
    return task.ended === undefined
      ? { status: 'running', upid }
      : { status: 'stopped', exitstatus: task.ended, upid };
  }

  return {
    begin,
    lookAt,
    failNext: (kind: string, exitstatus: string) => void failures.set(kind, exitstatus),
    finishAll(): void {
      for (const task of tasks.values()) task.ended ??= task.finish();
    },
  };
}
