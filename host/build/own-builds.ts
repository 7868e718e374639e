// The host's side of what is made of the product's own files: taken from what is kept, else built.

import type { ChildProcess } from 'node:child_process';
import { join } from 'node:path';

import type { OwnName, PageAssets, Platform } from './build.ts';
import { createBuilder } from './builder.ts';
import { keepOwn } from './kept.ts';
import type { KeptPowers } from './kept.ts';
import { unpackPages, unpackPlatform } from './messages.ts';

/** What the host's side needs. */
export type OwnBuildsPowers = Omit<KeptPowers, 'file'> & {
  /** A folder that no child may write */
  readonly folder: string;
  /** Starts a jailed builder that reads nothing but the product's own files. */
  readonly spawnBuilder: () => ChildProcess;
};

/** What is made of the product's own files. */
export type OwnBuilds = {
  /** What children are started from; made once, and again when that failed. */
  platform(): Promise<Platform>;
  /** The host's own pages. */
  pages(): Promise<PageAssets>;
};

/** Each build has a builder of its own: one that strangers' code took over must not make what is kept. */
export function createOwnBuilds({ folder, spawnBuilder, ...powers }: OwnBuildsPowers): OwnBuilds {
  const make = (name: OwnName): Promise<Buffer> =>
    keepOwn({ ...powers, file: join(folder, `${name}.kept`) }, async () => {
      await using builder = createBuilder({
        spawnBuilder: async () => spawnBuilder(),
        modulesFor: () => [],
      });
      return await builder.buildOwn(name);
    });
  let platform: Promise<Platform> | undefined;
  return {
    platform() {
      platform ??= make('platform')
        .then(unpackPlatform)
        .catch((error: unknown) => {
          platform = undefined;
          throw error;
        });
      return platform;
    },
    pages: () => make('pages').then(unpackPages),
  };
}
