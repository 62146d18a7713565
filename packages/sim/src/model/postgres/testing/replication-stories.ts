import { heard, type Play } from './servers.ts';

export type ReplicationStory = (play: Play) => Promise<void>;

const waits = "select count(*) from pg_stat_activity where wait_event = 'SyncRep'";

/** A primary a with a table, and standbys that stream from it. */
async function shard(play: Play, ...standbys: readonly string[]): Promise<void> {
  const { servers } = play;
  await servers.make('a');
  await play.ask('a', 'create table t (id int primary key, v text)');
  for (const standby of standbys) {
    await servers.clone(standby, 'a');
    await play.until('a', `select state from pg_stat_replication where application_name = '${standby}'`, 'streaming');
  }
}

/** What must be the same on real and simulated servers (the facts that docs/consensus.md builds on). Each name is a sentence. */
export const replicationStories: Readonly<Record<string, ReplicationStory>> = {
  'a standby shows what was committed and refuses to write': async (play) => {
    await shard(play, 'b');
    await play.ask('a', "insert into t values (1, 'x')");
    await play.until('b', 'select count(*) from t', '1');
    for (const text of [
      'select pg_is_in_recovery()',
      "insert into t values (2, 'y')",
      'update t set v = null',
      'create table u (a int)',
      'begin; set transaction read write; commit',
      'rollback',
      'begin isolation level serializable',
      'rollback',
      'begin isolation level repeatable read; commit',
      'select * from t for update',
      'show transaction_read_only',
      'show in_hot_standby',
      'listen x',
      'select txid_current()',
      'select pg_current_wal_lsn()',
      "alter system set synchronous_standby_names = 'x'",
      'create role r',
      'vacuum t',
      'lock table t',
      'lock table t in access share mode',
      'begin; lock table t in access share mode; commit',
      'begin; lock table t in exclusive mode',
      'rollback',
    ])
      await play.look('b', text);
    for (const text of [
      'select pg_last_wal_receive_lsn(), pg_last_wal_replay_lsn()',
      'select pg_is_in_recovery()',
      'select pg_promote()',
      'select status from pg_stat_wal_receiver',
      'select application_name, state, sync_state, sync_priority from pg_stat_replication',
      "select backend_type from pg_stat_activity where backend_type = 'walsender'",
      'select flush_lsn = pg_current_wal_flush_lsn() from pg_stat_replication',
    ])
      await play.look('a', text);
    await play.look('b', 'select status, received_tli from pg_stat_wal_receiver');
    await play.until(
      'b',
      "select wait_event from pg_stat_activity where backend_type = 'startup'",
      'RecoveryWalStream',
    );
    await play.look('b', 'select timeline_id from pg_control_checkpoint()');
  },

  'a commit waits for its standby, is not seen before, and keeps its locks': async (play) => {
    await shard(play, 'b');
    await play.nameStandbys('a', 'ANY 1 (b)');
    await play.look('a', "insert into t values (1, 'x')");
    await play.look('a', 'select sync_state, sync_priority from pg_stat_replication');
    await play.servers.stop('b', 'fast');
    await play.send('a/w', "insert into t values (2, 'y')");
    await play.until('a', waits, '1');
    await play.look('a', 'select count(*) from t');
    await play.ask('a', "set lock_timeout = '200ms'");
    await play.look('a', "insert into t values (2, 'z')");
    await play.isSilent('a/w');
    await play.servers.start('b', 'standby');
    await play.hears('a/w');
    await play.look('a', 'select count(*) from t');
    await play.until('b', 'select count(*) from t', '2');
  },

  'a cancelled wait warns, and the commit stands': async (play) => {
    await shard(play);
    await play.nameStandbys('a', 'ANY 1 (nobody)');
    await play.send('a/w', "insert into t values (1, 'x')");
    await play.until('a', waits, '1');
    await play.ask('a', "select pg_cancel_backend(pid) from pg_stat_activity where wait_event = 'SyncRep'");
    await play.hears('a/w');
    await play.look('a', 'select count(*) from t');
  },

  'a terminated wait warns and closes, and the commit stands': async (play) => {
    await shard(play);
    await play.nameStandbys('a', 'ANY 1 (nobody)');
    await play.send('a/w', "insert into t values (1, 'x')");
    await play.until('a', waits, '1');
    await play.ask('a', "select pg_terminate_backend(pid) from pg_stat_activity where wait_event = 'SyncRep'");
    await play.hears('a/w');
    await play.until('a', 'select count(*) from t', '1');
  },

  'no time limit ends the wait, a client that left leaves it behind with its locks, and relaxed names release it':
    async (play) => {
      await shard(play);
      await play.nameStandbys('a', 'ANY 1 (nobody)');
      await play.ask('a/w', "set statement_timeout = '100ms'; set lock_timeout = '100ms'");
      await play.send('a/w', "insert into t values (1, 'x')");
      await play.until('a', waits, '1');
      await play.isSilent('a/w');
      await play.leave('a/w');
      await play.look('a', waits);
      await play.ask('a', "set lock_timeout = '200ms'");
      await play.look('a', "insert into t values (1, 'z')");
      await play.nameStandbys('a', '');
      await play.until('a', 'select count(*) from t', '1');
      await play.until('a', waits, '0');
    },

  'a fast shutdown ends the wait, and the commit stands': async (play) => {
    await shard(play);
    await play.nameStandbys('a', 'ANY 1 (nobody)');
    await play.send('a/w', "insert into t values (1, 'x')");
    await play.until('a', waits, '1');
    await play.servers.stop('a', 'fast');
    await play.hears('a/w');
    await play.servers.start('a', 'primary');
    await play.look('a', 'select count(*) from t');
  },

  'crash recovery shows what nobody had acknowledged': async (play) => {
    await shard(play);
    await play.nameStandbys('a', 'ANY 1 (nobody)');
    await play.send('a/w', "insert into t values (1, 'x')");
    await play.until('a', waits, '1');
    await play.look('a', 'select count(*) from t');
    await play.servers.stop('a', 'immediate');
    await play.servers.start('a', 'primary');
    await play.look('a', 'select count(*) from t');
  },

  'who asks for less does not wait, who asks for more waits for the replay': async (play) => {
    await shard(play);
    await play.nameStandbys('a', 'ANY 1 (nobody)');
    await play.look('a', "set synchronous_commit = local; insert into t values (1, 'x')");
    await play.look('a', "set synchronous_commit = off; insert into t values (2, 'x')");
    await play.look('a', 'create temp table u (a int); select 1');
    await play.ask('a', 'create role lax login; alter role lax set synchronous_commit = local');
    await play.look('a', 'select txid_current_if_assigned() is null');
    await play.look('a', 'set synchronous_commit = on; select count(*) from t');
    await play.look('a', 'begin; select txid_current() > 0; commit');
    await play.send('a/w', 'select * from t where id = 1 for update');
    await play.until('a', waits, '1');
    await play.isSilent('a/w');
    await play.nameStandbys('a', '');
    await play.hears('a/w');
  },

  'a replay is waited for where that is asked for': async (play) => {
    await shard(play, 'b');
    await play.nameStandbys('a', 'ANY 1 (b)');
    await play.look('a', "set synchronous_commit = remote_apply; insert into t values (1, 'x')");
    await play.look('b', 'select count(*) from t');
    await play.look('a', "set synchronous_commit = remote_write; insert into t values (2, 'x')");
  },

  'a quorum and a priority choose among standbys': async (play) => {
    await shard(play, 'b', 'c');
    const states = 'select application_name, sync_state, sync_priority from pg_stat_replication order by 1';
    for (const names of ['ANY 1 (b, c)', 'ANY 2 (b, "c")', 'FIRST 1 (c, b)', 'b, c', '*', '2 (b, c)', 'ANY 1 (c)']) {
      await play.nameStandbys('a', names);
      await play.look('a', states);
      await play.look('a', 'create table if not exists u (a int)');
    }
    for (const wrong of ['ANY 0 (b)', 'ANY 1 b', 'ANY 1 ()', 'b c', '"b'])
      await play.look('a', `alter system set synchronous_standby_names = '${wrong}'`);
    await play.nameStandbys('a', 'ANY 2 (b, c)');
    await play.servers.stop('c', 'fast');
    await play.send('a/w', "insert into t values (1, 'x')");
    await play.until('a', waits, '1');
    await play.nameStandbys('a', 'ANY 1 (b, c)');
    await play.hears('a/w');
  },

  'after a restart without its primary a standby says that it received up to the start of a segment': async (play) => {
    await shard(play, 'b');
    await play.ask('a', "insert into t select i, 'x' from generate_series(1, 100) i");
    await play.until('b', 'select count(*) from t', '100');
    await play.look('b', 'select pg_last_wal_receive_lsn() >= pg_last_wal_replay_lsn()');
    await play.servers.stop('a', 'immediate');
    await play.servers.stop('b', 'fast');
    await play.servers.start('b', 'standby');
    await play.until('b', 'select pg_last_wal_receive_lsn() is not null', 't');
    await play.look('b', 'select pg_last_wal_receive_lsn() < pg_last_wal_replay_lsn()');
    await play.look('b', 'select count(*) from t');
    await play.look('b', 'select count(*) from pg_stat_wal_receiver');
    await play.ask('b', 'alter system reset primary_conninfo');
    await play.ask('b', "alter system set primary_conninfo = ''");
    await play.ask('b', 'select pg_reload_conf()');
    await play.until(
      'b',
      "select wait_event from pg_stat_activity where backend_type = 'startup'",
      'RecoveryRetrieveRetryInterval',
    );
    await play.servers.stop('b', 'fast');
    await play.servers.start('b', 'standby');
    await play.look('b', 'select pg_last_wal_receive_lsn() is null, pg_last_wal_replay_lsn() is null');
  },

  'a promotion begins a timeline, and another standby follows it': async (play) => {
    await shard(play, 'b', 'c');
    await play.ask('a', "insert into t values (1, 'x')");
    await play.until('b', 'select count(*) from t', '1');
    await play.until('c', 'select count(*) from t', '1');
    await play.servers.stop('a', 'immediate');
    await play.look('b', 'select pg_promote()');
    await play.look('b', 'select pg_is_in_recovery(), pg_last_wal_receive_lsn() is null');
    await play.look('b', 'select pg_last_wal_replay_lsn() is null');
    await play.ask('b', "insert into t values (2, 'y')");
    await play.ask('b', 'checkpoint');
    await play.look('b', 'select timeline_id from pg_control_checkpoint()');
    await play.look('b', "select pg_walfile_name(pg_current_wal_lsn()) like '00000002%'");
    await play.follow('c', 'b');
    await play.until('c', 'select count(*) from t', '2');
    await play.until('c', 'select received_tli from pg_stat_wal_receiver', '2');
    await play.ask('b', 'checkpoint');
    await play.ask('c', 'checkpoint');
    await play.servers.stop('b', 'immediate');
    await play.look('c', 'select pg_promote()');
    await play.ask('c', 'checkpoint');
    await play.look('c', 'select timeline_id from pg_control_checkpoint()');
  },

  'a standby of a standby follows it through a promotion': async (play) => {
    await shard(play, 'b');
    await play.servers.clone('c', 'b');
    await play.until('b', "select state from pg_stat_replication where application_name = 'c'", 'streaming');
    await play.ask('a', "insert into t values (1, 'x')");
    await play.until('c', 'select count(*) from t', '1');
    await play.look('b', 'select sync_state, sync_priority from pg_stat_replication');
    await play.servers.stop('a', 'immediate');
    await play.look('b', 'select pg_promote()');
    await play.ask('b', "insert into t values (2, 'y')");
    await play.until('c', 'select count(*) from t', '2');
    await play.until('c', 'select received_tli from pg_stat_wal_receiver', '2');
    await play.nameStandbys('b', 'ANY 1 (c)');
    await play.look('b', "insert into t values (3, 'z')");
  },

  'two promotions apart make a fork on one timeline: the follower streams and acknowledges what it never replays':
    async (play) => {
      await shard(play, 'b', 'c');
      await play.ask('a', "insert into t values (1, 'x')");
      await play.until('b', 'select count(*) from t', '1');
      await play.until('c', 'select count(*) from t', '1');
      await play.servers.stop('a', 'immediate');
      await play.look('b', 'select pg_promote()');
      await play.look('c', 'select pg_promote()');
      await play.ask('c', "insert into t values (2, 'a row of the other branch that is a good deal longer')");
      await play.ask('b', 'checkpoint');
      await play.ask('c', 'checkpoint');
      await play.look('b', 'select timeline_id from pg_control_checkpoint()');
      await play.look('c', 'select timeline_id from pg_control_checkpoint()');
      await play.servers.stop('c', 'fast');
      play.seen.push(await play.servers.rewind('c', 'b'));
      await play.nameStandbys('b', 'ANY 1 (c)');
      await play.send('b/w', "insert into t select i, 'more' from generate_series(10, 300) i");
      await play.until('b', waits, '1');
      await play.servers.start('c', 'standby');
      await play.follow('c', 'b');
      await play.hears('b/w');
      await play.look('b', 'select count(*) from t');
      await play.look('c', 'select count(*) from t');
      await play.send('b/w', "insert into t values (1000, 'again')");
      for (let i = 0; i < 100; i++) await play.servers.moment();
      await play.look('b', waits);
    },

  'who went on alone is rewound, and follows': async (play) => {
    await shard(play, 'b');
    await play.ask('a', "insert into t values (1, 'x')");
    await play.until('b', 'select count(*) from t', '1');
    await play.look('b', 'select pg_promote()');
    await play.ask('a', "insert into t values (2, 'lost')");
    await play.ask('b', "insert into t values (3, 'kept')");
    await play.ask('b', 'checkpoint');
    await play.servers.stop('a', 'fast');
    play.seen.push(await play.servers.rewind('a', 'b'));
    await play.servers.start('a', 'standby');
    await play.follow('a', 'b');
    await play.ask('b', "insert into t values (4, 'new')");
    await play.until('a', 'select count(*) from t', '3');
    await play.look('a', 'select id, v from t order by id');
    await play.until('a', 'select received_tli from pg_stat_wal_receiver', '2');
  },

  'who went on alone and was not rewound never catches up': async (play) => {
    await shard(play, 'b');
    await play.ask('a', "insert into t values (1, 'x')");
    await play.until('b', 'select count(*) from t', '1');
    await play.look('b', 'select pg_promote()');
    await play.ask('a', "insert into t values (2, 'lost')");
    await play.ask('b', "insert into t values (3, 'kept')");
    await play.ask('b', 'checkpoint');
    await play.servers.stop('a', 'fast');
    await play.servers.start('a', 'standby');
    await play.follow('a', 'b');
    await play.ask('b', "insert into t values (4, 'new')");
    for (let i = 0; i < 20; i++) await play.servers.moment();
    await play.look('a', 'select id, v from t order by id');
    await play.look('a', 'select pg_is_in_recovery()');
  },

  'a walsender refuses what is not of its history': async (play) => {
    await shard(play, 'b');
    await play.look('b', 'select pg_promote()');
    for (const text of [
      'TIMELINE_HISTORY 7',
      'START_REPLICATION 7/0 TIMELINE 2',
      'START_REPLICATION 7/0 TIMELINE 1',
      'START_REPLICATION 0/2000000 TIMELINE 7',
      'START_REPLICATION SLOT "nix" 0/2000000 TIMELINE 2',
      'SHOW wal_level',
    ]) {
      const answer = await play.ask('b/replication', text);
      play.note(
        'b',
        text,
        answer.map((line) => line.replaceAll(/[0-9A-F]+\/[0-9A-F]+/g, 'LSN')),
      );
      await play.leave('b/replication');
    }
    await play.ask('b', 'create role r login; create role s login replication');
    for (const user of ['r', 's']) {
      const client = await play.servers.connect('b', { user, replication: 'true' });
      await play.servers.moment();
      play.note('b', user, heard(client).slice(-1));
      client.leave();
    }
  },

  'a cut link is noticed at both ends, and what was missed comes when it is mended': async (play) => {
    await shard(play, 'b');
    await play.nameStandbys('a', 'ANY 1 (b)');
    await play.ask('a', "alter system set wal_sender_timeout = '1s'");
    await play.ask('a', 'select pg_reload_conf()');
    await play.ask('b', "alter system set wal_receiver_timeout = '1s'");
    await play.ask('b', 'select pg_reload_conf()');
    await play.until('b', 'show wal_receiver_timeout', '1s');
    await play.look('a', "insert into t values (1, 'x')");
    await play.servers.cut('a', 'b');
    await play.send('a/w', "insert into t values (2, 'y')");
    await play.until('a', waits, '1');
    await play.until('a', 'select count(*) from pg_stat_replication', '0');
    await play.until('b', 'select count(*) from pg_stat_wal_receiver', '0');
    await play.look('b', 'select count(*) from t');
    await play.isSilent('a/w');
    await play.servers.mend('a', 'b');
    await play.hears('a/w');
    await play.until('b', 'select count(*) from t', '2');
  },

  'a link that was cut for a moment loses nothing': async (play) => {
    await shard(play, 'b');
    await play.nameStandbys('a', 'ANY 1 (b)');
    await play.servers.cut('a', 'b');
    await play.send('a/w', "insert into t values (1, 'y')");
    await play.until('a', waits, '1');
    await play.isSilent('a/w');
    await play.servers.mend('a', 'b');
    await play.hears('a/w');
    await play.until('b', 'select count(*) from t', '1');
  },

  'a snapshot on a standby holds back the replay until its time is over': async (play) => {
    await shard(play, 'b');
    await play.ask('a', "insert into t select i, 'x' from generate_series(1, 10) i");
    await play.until('b', 'select count(*) from t', '10');
    await play.look('b/r', 'begin isolation level repeatable read; select count(*) from t');
    await play.ask('a', 'delete from t where id > 5');
    await play.ask('a', 'vacuum t');
    await play.ask('a', 'create table after (a int)');
    await play.until('a', 'select flush_lsn = pg_current_wal_flush_lsn() from pg_stat_replication', 't');
    for (let i = 0; i < 10; i++) await play.servers.moment();
    await play.look('b', 'select count(*) from after');
    await play.look('b', 'select pg_last_wal_replay_lsn() < pg_last_wal_receive_lsn()');
    await play.look('b/r', 'select count(*) from t');
    // The startup process hears of nothing while it waits: neither of a shorter limit, nor that it shall not follow any more.
    await play.ask('b', "alter system set max_standby_streaming_delay = '0'");
    await play.ask('b', "alter system set primary_conninfo = ''");
    await play.ask('b', 'select pg_reload_conf()');
    for (let i = 0; i < 100; i++) await play.servers.moment();
    await play.look('b/r', 'select count(*) from t');
    await play.look('b', 'select status from pg_stat_wal_receiver');
    await play.leave('b/r');
    await play.until('b', 'select count(*) from after', '0');
    await play.until('b', 'select count(*) from pg_stat_wal_receiver', '0');
  },

  'a snapshot on a standby is ended when its time is over': async (play) => {
    await shard(play, 'b');
    await play.ask('b', "alter system set max_standby_streaming_delay = '300ms'");
    await play.ask('b', 'select pg_reload_conf()');
    await play.until('b', 'show max_standby_streaming_delay', '300ms');
    await play.ask('a', "insert into t select i, 'x' from generate_series(1, 10) i");
    await play.until('b', 'select count(*) from t', '10');
    await play.look('b/r', 'begin isolation level repeatable read; select count(*) from t');
    await play.ask('a', 'delete from t where id > 5');
    await play.ask('a', 'vacuum t');
    await play.itsEnd('b/r');
    await play.until('b', 'select count(*) from t', '5');
  },

  'a statement that locks what is dropped is cancelled': async (play) => {
    await shard(play, 'b');
    await play.ask('a', "insert into t values (1, 'x')");
    await play.until('b', 'select count(*) from t', '1');
    await play.ask('b', "alter system set max_standby_streaming_delay = '300ms'");
    await play.ask('b', 'select pg_reload_conf()');
    await play.until('b', 'show max_standby_streaming_delay', '300ms');
    await play.send('b/r', 'select id, pg_sleep(100) from t');
    await play.until('b', "select wait_event from pg_stat_activity where wait_event = 'PgSleep'", 'PgSleep');
    await play.ask('a', 'truncate t');
    await play.hears('b/r');
    await play.until('b', 'select count(*) from t', '0');
  },

  'a receiver whose timeline has ended waits, and keeps its connection though it is told another primary': async (
    play,
  ) => {
    await shard(play, 'b', 'c');
    await play.servers.cut('a', 'b');
    await play.ask('a', "insert into t values (1, 'x')");
    await play.until('c', 'select count(*) from t', '1');
    await play.look('b', 'select pg_promote()');
    // It is told while it sleeps: while it streams it would listen.
    await play.ask('c', "alter system set wal_retrieve_retry_interval = '5s'");
    await play.follow('c', 'b');
    const receiver = "select wait_event from pg_stat_activity where backend_type = 'walreceiver'";
    await play.until('c', receiver, 'WalReceiverWaitStart');
    await play.look('c', 'select status, received_tli from pg_stat_wal_receiver');
    await play.ask('c', "alter system set primary_conninfo = ''");
    await play.ask('c', 'select pg_reload_conf()');
    for (let i = 0; i < 50; i++) await play.servers.moment();
    await play.look('c', receiver);
    await play.look('c', "select wait_event from pg_stat_activity where backend_type = 'startup'");
    await play.look('b', 'select application_name from pg_stat_replication');
    await play.follow('c', 'a');
    for (let i = 0; i < 50; i++) await play.servers.moment();
    await play.ask('a', "insert into t values (2, 'y')");
    for (let i = 0; i < 50; i++) await play.servers.moment();
    await play.look('c', 'select count(*) from t');
    await play.look('a', "select count(*) from pg_stat_replication where application_name = 'c'");
    await play.look('b', 'select application_name from pg_stat_replication');
  },

  'a walsender that is ended is replaced by another, which counts by the names of its day': async (play) => {
    await shard(play, 'b');
    await play.nameStandbys('a', 'ANY 1 (b)');
    for (const signal of ['pg_cancel_backend', 'pg_terminate_backend']) {
      const [before] = await play.ask('a', 'select pid from pg_stat_replication');
      await play.look('a', `select ${signal}(pid) from pg_stat_replication`);
      for (let i = 0; i < 1000; i++) {
        const [now] = await play.ask('a', "select pid from pg_stat_replication where state = 'streaming'");
        if (now?.startsWith('row') === true && now !== before) break;
        await play.servers.moment();
      }
    }
    await play.look('a', "insert into t values (1, 'x')");
    const startup = "select pg_terminate_backend(pid) from pg_stat_activity where backend_type = 'checkpointer'";
    play.note(
      'a',
      startup,
      (await play.ask('a', startup)).map((line) => line.replace(/PID \d+/, 'PID N')),
    );
  },

  'a prepared transaction waits too, is known meanwhile, and survives crash and promotion with its locks': async (
    play,
  ) => {
    await shard(play, 'b');
    const known = 'select gid, owner, database from pg_prepared_xacts order by gid';
    await play.look('a', "begin; insert into t values (1, 'x'); prepare transaction 'one'");
    await play.look('a', known);
    await play.look('a', 'select count(*) from t');
    await play.ask('a', "set lock_timeout = '200ms'");
    await play.look('a', "insert into t values (1, 'y')");
    for (const text of [
      "begin; insert into t values (9, 'x'); prepare transaction 'one'",
      'rollback',
      "commit prepared 'nothing'",
      "begin; create temp table u (a int); prepare transaction 'temporary'",
      'rollback',
      "begin; notify x; prepare transaction 'notified'",
      'rollback',
      "prepare transaction 'outside'",
      "begin; commit prepared 'one'",
      'rollback',
      "begin; select 1/0; prepare transaction 'failed'",
      "prepare transaction 'failed'",
    ])
      await play.look('a', text);
    await play.until('b', 'select count(*) from pg_prepared_xacts', '0');
    await play.nameStandbys('a', 'ANY 1 (nobody)');
    await play.send('a/w', "begin; insert into t values (2, 'x'); prepare transaction 'two'");
    await play.until('a', waits, '1');
    await play.look('a', known);
    await play.servers.stop('a', 'immediate');
    await play.servers.start('a', 'primary');
    await play.look('a', known);
    await play.nameStandbys('a', '');
    await play.look('a', "commit prepared 'two'");
    await play.look('a', "set lock_timeout = '200ms'; insert into t values (1, 'y')");
    await play.until('b', 'select count(*) from t', '1');
    await play.nameStandbys('a', 'ANY 1 (nobody)');
    await play.send('a/w', "commit prepared 'one'");
    await play.until('a', waits, '1');
    await play.look('a', 'select count(*) from t');
    await play.look('a', known);
    await play.until('b', 'select count(*) from t', '2');
    await play.nameStandbys('a', '');
    await play.hears('a/w');
    await play.look('a', "begin; insert into t values (3, 'x'); prepare transaction 'three'");
    await play.until('a', 'select flush_lsn = pg_current_wal_flush_lsn() from pg_stat_replication', 't');
    await play.servers.stop('a', 'immediate');
    await play.look('b', 'select pg_promote()');
    await play.look('b', known);
    await play.look('b', "set lock_timeout = '200ms'; insert into t values (3, 'y')");
    await play.look('b', "rollback prepared 'three'");
    await play.look('b', 'select id from t order by id');
  },

  'slots are made, used and dropped': async (play) => {
    await shard(play, 'b');
    for (const text of [
      "select slot_name from pg_create_physical_replication_slot('s')",
      "select slot_name, lsn is null from pg_create_physical_replication_slot('r', true)",
      "select slot_name from pg_create_physical_replication_slot('s')",
      'select slot_name, slot_type, active, restart_lsn is null from pg_replication_slots order by 1',
    ])
      await play.look('a', text);
    await play.ask('b', "alter system set primary_slot_name = 's'");
    await play.ask('b', 'select pg_reload_conf()');
    await play.until('a', "select active from pg_replication_slots where slot_name = 's'", 't');
    await play.look('a', 'select count(*) from pg_stat_replication');
    for (const text of ["select pg_drop_replication_slot('r')", "select pg_drop_replication_slot('x')"])
      await play.look('a', text);
    await play.servers.stop('b', 'fast');
    await play.until('a', "select active from pg_replication_slots where slot_name = 's'", 'f');
    await play.look('a', "select pg_drop_replication_slot('s')");
  },
};
