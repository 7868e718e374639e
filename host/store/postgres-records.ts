// Instances, generations and archives in PostgreSQL.

import { LIMITS } from '../limits.ts';
import { COLUMNS } from './postgres-columns.ts';
import type { PgSql } from './postgres-sql.ts';
import {
  archiveHeadOf,
  archiveOf,
  configVersionOf,
  generationHeadOf,
  generationOf,
  grantChangeOf,
  grantChangeValues,
  instanceOf,
  instanceValues,
} from './rows.ts';
import type { Store } from './store.ts';

type InstanceRecords = Pick<
  Store,
  | 'instances'
  | 'instance'
  | 'putInstance'
  | 'putConfig'
  | 'configHistory'
  | 'putGrants'
  | 'grantHistory'
  | 'removeInstance'
>;

const PUT_INSTANCE = `INSERT INTO cofferdam.instances
  (${COLUMNS.instances})
  VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11)
  ON CONFLICT (category, name, instance) DO UPDATE SET
    enabled = excluded.enabled, trusted = excluded.trusted, pinned = excluded.pinned,
    config = excluded.config, config_version = excluded.config_version, grants = excluded.grants,
    asked = excluded.asked, installed_version = excluded.installed_version`;

const KEY = 'category = $1 AND name = $2 AND instance = $3';

/** Instances and their config history. */
export function createPgInstances(sql: PgSql): InstanceRecords {
  return {
    async instances({ category = null, name = null, instance = null } = {}) {
      const rows = await sql.read(
        `SELECT ${COLUMNS.instances} FROM cofferdam.instances
         WHERE ($1::text IS NULL OR category = $1)
         AND ($2::text IS NULL OR name = $2) AND ($3::text IS NULL OR instance = $3)
         ORDER BY category, name, instance`,
        ...[category, name, instance],
      );
      return rows.map(instanceOf);
    },
    async instance({ category, name, instance }) {
      const text = `SELECT ${COLUMNS.instances} FROM cofferdam.instances WHERE ${KEY}`;
      const [row] = await sql.read(text, category, name, instance);
      return row === undefined ? undefined : instanceOf(row);
    },
    putInstance: async (row) => void (await sql.write(PUT_INSTANCE, ...instanceValues(row))),
    async putConfig(row, actor, at) {
      await sql.write(
        `WITH put AS (${PUT_INSTANCE}), dropped AS (
           DELETE FROM cofferdam.config_history WHERE ${KEY} AND version <= $8::bigint - $14::bigint
         )
         INSERT INTO cofferdam.config_history (${COLUMNS.config_history})
         VALUES ($1, $2, $3, $8, $7, $12, $13)
         ON CONFLICT (category, name, instance, version) DO UPDATE SET
           config = excluded.config, actor = excluded.actor, at = excluded.at`,
        ...[...instanceValues(row), actor, at, LIMITS.keptConfigVersions],
      );
    },
    async configHistory({ category, name, instance }) {
      const rows = await sql.read(
        `SELECT ${COLUMNS.config_history} FROM cofferdam.config_history
         WHERE ${KEY} ORDER BY version DESC LIMIT $4`,
        ...[category, name, instance, LIMITS.keptConfigVersions],
      );
      return rows.map(configVersionOf);
    },
    ...createGrantHistory(sql),
    async removeInstance({ category, name, instance }) {
      await sql.write(
        `WITH history AS (DELETE FROM cofferdam.config_history WHERE ${KEY}),
           granted AS (DELETE FROM cofferdam.grant_history WHERE ${KEY}),
           stored AS (DELETE FROM cofferdam.stored WHERE instance = $4),
           operations AS (DELETE FROM cofferdam.operations WHERE instance = $4),
           deliveries AS (DELETE FROM cofferdam.deliveries WHERE target = $4),
           sightings AS (DELETE FROM cofferdam.sightings WHERE instance = $4),
           seen AS (DELETE FROM cofferdam.seen WHERE instance = $4),
           earned AS (DELETE FROM cofferdam.earned WHERE instance = $4),
           effects AS (DELETE FROM cofferdam.effects WHERE instance = $4),
           calls AS (DELETE FROM cofferdam.calls WHERE instance = $4)
         DELETE FROM cofferdam.instances WHERE ${KEY}`,
        ...[category, name, instance, `${category}/${name}/${instance}`],
      );
    },
  };
}

function createGrantHistory(sql: PgSql): Pick<Store, 'putGrants' | 'grantHistory'> {
  return {
    async putGrants(row, change) {
      await sql.write(
        `WITH put AS (${PUT_INSTANCE}), place AS (
           SELECT coalesce(max(sequence), 0) + 1 AS next FROM cofferdam.grant_history WHERE ${KEY}
         ), dropped AS (
           DELETE FROM cofferdam.grant_history
           WHERE ${KEY} AND sequence <= (SELECT next FROM place) - $18::bigint
         )
         INSERT INTO cofferdam.grant_history
           (${COLUMNS.grant_history})
         SELECT $1, $2, $3, next, $12, $13, $14, $15, $16, $17 FROM place`,
        ...instanceValues(row),
        ...grantChangeValues({ ...change, grants: row.grants }),
        LIMITS.keptGrantChanges,
      );
    },
    async grantHistory({ category, name, instance }) {
      const rows = await sql.read(
        `SELECT ${COLUMNS.grant_history} FROM cofferdam.grant_history
         WHERE ${KEY} ORDER BY sequence DESC`,
        ...[category, name, instance],
      );
      return rows.map(grantChangeOf);
    },
  };
}

type Generations = Pick<
  Store,
  'generations' | 'generation' | 'putGeneration' | 'putBundle' | 'removeGenerations'
>;

/** Compiled generations by content. */
export function createPgGenerations(sql: PgSql): Generations {
  return {
    async generations(category, name) {
      const rows = await sql.read(
        `SELECT category, name, generation, version, at, manifest, description
         FROM cofferdam.generations WHERE category = $1 AND name = $2 ORDER BY seq DESC`,
        ...[category, name],
      );
      return rows.map(generationHeadOf);
    },
    async generation(category, name, generation) {
      const [row] = await sql.read(
        `SELECT ${COLUMNS.generations} FROM cofferdam.generations
         WHERE category = $1 AND name = $2 AND generation = $3`,
        ...[category, name, generation],
      );
      return row === undefined ? undefined : generationOf(row);
    },
    async putGeneration(row, keep) {
      const { category, name, generation, version, at } = row;
      await sql.write(
        `WITH dropped AS (
           DELETE FROM cofferdam.generations WHERE seq IN (
             SELECT seq FROM cofferdam.generations
             WHERE category = $1 AND name = $2 AND generation <> $3 ORDER BY seq DESC OFFSET $9 - 1)
         )
         INSERT INTO cofferdam.generations
           (${COLUMNS.generations})
         VALUES ($1, $2, $3, $4, $5, $6, $7, $8)
         ON CONFLICT (category, name, generation) DO UPDATE SET
           seq = nextval(pg_get_serial_sequence('cofferdam.generations', 'seq')),
           version = excluded.version, at = excluded.at, manifest = excluded.manifest,
           description = excluded.description, bundle = excluded.bundle`,
        ...[category, name, generation, version, at],
        ...[JSON.stringify(row.manifest), JSON.stringify(row.description), row.bundle, keep],
      );
    },
    async putBundle({ category, name, generation }, bundle) {
      await sql.write(
        `UPDATE cofferdam.generations SET bundle = $4
         WHERE category = $1 AND name = $2 AND generation = $3`,
        ...[category, name, generation, bundle],
      );
    },
    async removeGenerations(category, name) {
      const text = 'DELETE FROM cofferdam.generations WHERE category = $1 AND name = $2';
      await sql.write(text, category, name);
    },
  };
}

type Archives = Pick<Store, 'archives' | 'archive' | 'putArchive' | 'removeArchive' | 'keepMark'>;

/** Uploaded extensions, and marks. */
export function createPgArchives(sql: PgSql): Archives {
  return {
    async archives() {
      const rows = await sql.read(
        `SELECT category, name, sha256, at FROM cofferdam.archives
         ORDER BY category, name`,
      );
      return rows.map(archiveHeadOf);
    },
    async archive(category, name) {
      const text = `SELECT ${COLUMNS.archives} FROM cofferdam.archives
        WHERE category = $1 AND name = $2`;
      const [row] = await sql.read(text, category, name);
      return row === undefined ? undefined : archiveOf(row);
    },
    async putArchive({ category, name, sha256, at, archive }) {
      await sql.write(
        `INSERT INTO cofferdam.archives (${COLUMNS.archives})
         VALUES ($1, $2, $3, $4, $5) ON CONFLICT (category, name) DO UPDATE SET
           sha256 = excluded.sha256, at = excluded.at, archive = excluded.archive`,
        ...[category, name, sha256, at, archive],
      );
    },
    async removeArchive(category, name) {
      const text = 'DELETE FROM cofferdam.archives WHERE category = $1 AND name = $2';
      await sql.write(text, category, name);
    },
    async keepMark(name, text) {
      // The no-op update makes the standing row come back, also one that another host puts just now.
      const [row] = await sql.write(
        `INSERT INTO cofferdam.marks (name, text) VALUES ($1, $2)
         ON CONFLICT (name) DO UPDATE SET text = marks.text RETURNING text`,
        ...[name, text],
      );
      return String(row?.['text'] ?? '');
    },
  };
}
