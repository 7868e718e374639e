// Every bound of the host: number, unit, what it bounds, why that size, what it does not protect.
// oxlint-disable eslint/max-lines -- one table: whoever looks for a bound looks in one place

const KIB = 1024;
const MIB = 1024 * KIB;

export const LIMITS = {
  /** Bytes of one frame on the pipe. Largest is a load: a bundle, its code cache. Not the sum in flight. */
  frameBytes: 32 * MIB,
  /** Blocks that one frame is packed of: the platform has about forty. Eight million empty ones would fit. */
  blocksPerFrame: 128,
  /** Bytes waiting to be written to one cell before new calls to it are refused. */
  pipeBacklogBytes: 16 * MIB,
  /**
   * Bytes waiting for one cell before it is ended: what comes after the bound above is refusals and
   * cancellations of a few hundred bytes, which only a cell that reads nothing leaves lying.
   */
  pipeBacklogBytesMax: 64 * MIB,
  /** Characters of one answer to a request of a guest: with room in a frame for three bytes each. */
  replyChars: 8 * MIB,

  /** Bytes of a call's input as JSON: what a panel sends about one service or invoice, with room. */
  inputBytes: 1 * MIB,
  /** Bytes of a call's result as JSON. */
  outputBytes: 4 * MIB,
  /**
   * Values of a call's result: the most facts of one are 80 000. Names that are all different take the host
   * about 1 µs each to parse, and 4 MiB hold 350 000.
   */
  resultValues: 100_000,
  /** Calls that run in one instance at a time; more wait. */
  callsPerInstance: 64,
  /** Calls that wait per instance; over it the caller gets HOST_OVERLOADED at once. */
  queuedCallsPerInstance: 256,
  /** Calls about one service or invoice that wait for the one before. */
  waitingPerSubject: 16,
  /** Milliseconds of a call when neither caller nor manifest says: a slow panel answers within it. */
  wallMs: 30_000,
  /** The longest deadline a caller or a manifest can ask for. */
  wallMsMax: 120_000,
  /** CPU milliseconds of one turn (all frames of one read). JSON work takes under 10. */
  cpuMs: 500,
  /** The largest `limits.cpuMs` a manifest is given. */
  cpuMsMax: 5_000,
  /** MiB of V8 heap per isolate. V8 overshoots it; rssMiB bounds the process. */
  memoryMiB: 64,
  memoryMiBMax: 256,
  /** MiB of resident memory a cell may have over its isolates' heap limits: Node itself is about 60. */
  cellBaseMiB: 192,

  /** Messages a guest may send in one turn, and their characters: a turn answers calls, not floods. */
  sendsPerTurn: 4_096,
  sendCharsPerTurn: 16 * MIB,
  /** Characters of one synchronous question to the cell (URL, text to decode, bytes to hash). */
  askChars: 2 * MIB,
  /**
   * Values that one of them is made of: a URL, headers and a body are some hundreds. A turn could send five
   * million empty lists, which took the host over a second to parse.
   */
  requestValues: 10_000,
  /** Capability requests in flight per instance. */
  requestsPerInstance: 256,
  /** Capability requests one call may make. */
  requestsPerCall: 1_000,
  /** Characters of an error message and of a stack kept from a guest. */
  errorMessageChars: 2_000,
  errorStackChars: 8_000,
  /** Timers one instance may have set. */
  timersPerInstance: 1_000,

  /** Text decoders in the middle of a stream, and keys of crypto.subtle, per instance. */
  decodersPerInstance: 256,
  /** Bytes that one chunk of a compression stream may become: a 64 KiB chunk of zeros gives 64 MiB. */
  zlibChunkBytes: 16 * MIB,
  keysPerInstance: 1_000,
  /** Operations of crypto.subtle that wait for the thread pool, per instance. */
  subtleQueue: 1_000,

  /** Log lines kept per instance for reading back, and characters of one line. */
  logLinesPerInstance: 1_000,
  logLineChars: 8_000,
  /** Log lines an instance may write in a second; more are counted and dropped with one notice. */
  logLinesPerSecond: 200,
  /** Bytes of these lines: 200 of the longest would be 6 MB to read, and hold everybody up for as long. */
  logBytesPerSecond: 256 * KIB,

  /** Bugs of ours that one instance met and that are logged in a minute: each has the same story to tell. */
  bugsLogged: 10,

  /** Bytes of a streamed chunk and chunks in flight: 1 MiB per stream held at most. */
  streamChunkBytes: 64 * KIB,
  streamWindowChunks: 16,
  /** Chunks read before credit for them is given: a frame for each would wake the other side each time. */
  streamCreditChunks: 8,
  /** Bytes that a cell reads from its pipe at once: what Linux keeps of one, about. */
  cellReadBytes: 256 * KIB,
  /** A response body up to this many bytes travels inside the reply. */
  inlineBodyBytes: 64 * KIB,

  /**
   * MiB a child may map, used or not. V8 reserves about 2 GiB before it runs and 525 MiB with each isolate
   * (measured: 8 GiB ended a cell at its 14th), so this is room for `hotInstances` in one cell. It bounds
   * addresses only; what is really used, the RSS look bounds.
   */
  childDataMiB: 131_072,
  /** Files a cell and a builder may have open: Node itself has about 25, a build opens many at a time. */
  cellFiles: 256,
  builderFiles: 4_096,
  /**
   * Steps of nice(2) by which cells and builder stand behind the host: a third of its share of a core that
   * both want, and the host runs at once when it wakes. Says nothing between two cells.
   */
  childNiceness: 5,
  /**
   * Where the kernel bounds each child by a cgroup: threads (Node has about 15, esbuild one per core and
   * more), weight against the host's 100, and MiB of a builder, whose builds may all be large ones.
   */
  childThreads: 512,
  childCpuWeight: 33,
  builderMiB: 2_048,
  /** Looks at a cgroup whose child has just ended until it can be removed, and milliseconds between two. */
  groupRemoveTries: 100,
  groupRemoveMs: 20,
  /** Milliseconds between two looks at a busy cell (RSS, CPU, silence). */
  watchMs: 50,
  /** Milliseconds a cell may stay silent past the CPU limit of a turn before it is killed, if it was busy. */
  silenceGraceMs: 250,
  /** The same for one that had no CPU meanwhile: a machine that is too busy to run it is not its fault. */
  starvedGraceMs: 10_000,
  /** CPU share (0–1) an idle cell may use, averaged over idleCpuWindowMs. */
  idleCpuShare: 0.2,
  idleCpuWindowMs: 1_000,
  /** Milliseconds from spawn to a cell's hello. Measured 100–150 here; a loaded machine takes seconds. */
  cellStartMs: 20_000,
  /** Milliseconds an extension's load may take, all of its top-level code. */
  loadMs: 5_000,
  /** Milliseconds between the end of a cell and the start of a spare in its place. */
  respawnPauseMs: 100,
  /** Milliseconds an own cell is kept after its last isolate, for the next start of the same extension. */
  cellLingerMs: 5_000,
  /** Calls after which a cell is replaced, and the share of its memory: heaps fragment, code piles up. */
  callsPerCell: 1_000_000,
  /** Isolates that a cell ever starts: a frame names one by 16 bits, and some are on their way meanwhile. */
  startsPerCell: 60_000,
  wornMemoryShare: 0.8,
  /**
   * Warm spare cells kept ready, and milliseconds after one was taken until it is replaced: that costs 0.1 s
   * of a core, which whoever starts now needs first.
   */
  spareCells: 1,
  spareRestMs: 1_000,
  /** Failures of one instance within strikeWindowMs before it is quarantined, and for how long. */
  strikes: 5,
  strikeWindowMs: 60_000,
  quarantineMs: 30_000,
  quarantineMsMax: 15 * 60_000,
  /** Milliseconds without a call after which an isolate is given up; a start costs about 5. */
  evictIdleMs: 5 * 60_000,
  /** Milliseconds between two looks for isolates to give up. */
  evictLookMs: 5_000,
  /** Isolates kept hot at most; over it the longest unused one is given up first. */
  hotInstances: 200,
  /**
   * Isolates in one cell; the next goes to a fresh one. V8 reserves 525 MiB of addresses for each, and a
   * cell that finds none left ends with all it holds: about 240 fit into the 128 GiB that it may reserve.
   */
  isolatesPerCell: 150,
  /** Enabled instances that are opened at the same time while the host starts; most wait for the builder. */
  openedAtOnce: 8,
  /** Instances of one extension that swap their code at the same time: each has two isolates meanwhile. */
  swapsAtOnce: 10,
  /** Calls of a new generation that are watched; it is swapped back when the first of them all fail. */
  probationCalls: 3,
  /** Calls of a generation after which the code caches of its scripts are made anew: they hold what ran. */
  callsUntilWarm: 3,
  /** Bytes of one code cache for each character of its script, of which V8 needs about one. */
  codeCacheShare: 8,
  /** Bytes of a code cache beside that: V8's own head, and what a very short script needs. */
  codeCacheBytes: 4 * KIB,
  /** Bytes of the longest one that is kept: two of them, a bundle and its map fit into one frame. */
  codeCacheBytesMax: 7 * MIB,
  /** Milliseconds an old generation gets to finish its calls after a swap. */
  drainMs: 10_000,
  /** Milliseconds from SIGTERM to exit. */
  shutdownMs: 9_000,
  /** Milliseconds a folder must be quiet before it is rebuilt. */
  watchDebounceMs: 8,
  /** Storage: characters of a key and of a value as JSON, keys per listing, the longest expiry (ten years). */
  storageKeyChars: 512,
  storageValueChars: 64 * KIB,
  storageListMax: 1_000,
  /** Keys of one instance: each write adds up what they take, about 4 ms for that many. */
  storageKeys: 100_000,
  /** Bytes of keys and values in one listing: they are in memory at once, for each of many requests. */
  storageListBytes: 4 * MIB,
  /**
   * Characters of a request to a capability that takes apart what it is given, as it comes over the pipe:
   * two values and a key; a webhook of `hookBodyBytes` with its headers; `askChars` of Base64 and a
   * signature. A turn could send 16 MiB, which take seconds to check.
   */
  storageRequestChars: 256 * KIB,
  webhookRequestChars: 4 * MIB,
  cryptoRequestChars: 3 * MIB,
  /** Headers of a webhook to be verified: proxies and vendors send a few dozen. */
  webhookHeaders: 500,
  storageTtlMs: 315_360_000_000,
  /** Generations kept per extension for a rollback. */
  keptGenerations: 5,
  /** Config versions kept per instance: what an admin may want back, a few KB each. */
  keptConfigVersions: 100,
  /** Decisions about grants kept per instance: one for each `enable`, `lock` and answer to a request. */
  keptGrantChanges: 100,
  /** Rows with bundles or archives that a copy holds at a time: each may be 16 MiB. */
  copyBlobRows: 2,
  /** PostgreSQL: connections of one host's pool; a server takes 100 by default, so several hosts fit. */
  storeConnections: 10,
  /** Of those, how many may wait for locks that other hosts hold: the others answer meanwhile. */
  storeLockingConnections: 8,
  /** Milliseconds to get a connection, of one statement, of a migration, and of an idle connection kept. */
  storeConnectMs: 5_000,
  storeStatementMs: 15_000,
  storeMigrationMs: 600_000,
  storeIdleConnectionMs: 30_000,
  /** Rows that one batched statement writes; more of the same tick wait for the next one. */
  storeBatchRows: 500,
  /** Writes of one kind that may wait for a batch; over it the caller gets HOST_OVERLOADED. */
  storeBatchBacklog: 20_000,
  /** Milliseconds between two looks whether the connection for notices lives, and of pauses to make it anew. */
  storeSessionLookMs: 5_000,
  storeReconnectMs: 50,
  storeReconnectMsMax: 2_000,
  /**
   * Milliseconds that another host's connection must be away before what it ran is taken over: longer than
   * `storeReconnectMsMax`, so that one that lives is back by then.
   */
  hostGoneMs: 2_500,
  /** Milliseconds between two tries for a key that another host holds, from and up to. */
  storeLockTryMs: 10,
  storeLockTryMsMax: 200,
  /** Milliseconds to wait for a change of the same instance by another host: its hooks may take wallMsMax. */
  storeLockWaitMs: 150_000,
  /** Characters of a call's input, result and of one request kept in its record; longer ones are left out. */
  recordedChars: 64 * KIB,
  /** Characters of all requests kept of one call, and how many of those left out are still named. */
  recordingChars: 512 * KIB,
  recordedRequests: 1_000,
  /** Milliseconds after a call's end until its record is in the store; those of a rush leave together. */
  recordFlushMs: 200,
  /** Records that may wait for the store; and how many calls that asked nothing are kept for good per flush. */
  recordsWaiting: 5_000,
  plainRecordsPerFlush: 50,
  /** Calls that one comparison of two generations replays. */
  comparedCalls: 100,
  /** Milliseconds that recordings are kept, and how many at most. */
  recordingKeptMs: 7 * 86_400_000,
  recordingsKept: 100_000,
  /**
   * Bytes of recordings that one instance adds in a day on one host; of the calls after that only who, what and
   * how it ended is kept. A week of them is half a GiB. Facts that it adds in a day: each stays for good.
   */
  recordedBytesPerDay: 64 * MIB,
  factsPerDay: 100_000,
  dayMs: 86_400_000,
  /** Characters of state handed from one generation to the next. */
  resumeStateChars: 256 * KIB,

  /** fetch, per instance: requests at a time, connections to one origin, origins with connections kept. */
  fetchesPerInstance: 64,
  connectionsPerOrigin: 32,
  poolsPerInstance: 32,
  /** Kinds of requests kept for an instance, of each sort (used, refused, asked for): an API has far fewer. */
  sightingsPerInstance: 500,
  /** Kinds gathered in memory between two writes of them, over all instances, and milliseconds between those. */
  sightingsGathered: 10_000,
  sightingFlushMs: 1_000,
  /** Credentials given by vendors that an instance has stand-ins for; the oldest is forgotten first. */
  earnedSecrets: 50,
  /**
   * Characters of one of them, and how often eight characters of it may come again: everything that comes
   * back is searched for it, and what repeats itself thousands of times takes seconds to look for.
   */
  earnedChars: 4 * KIB,
  earnedRepeats: 64,
  /** Webhooks: the longest age that one may have, and how many of an instance are remembered at a time. */
  webhookToleranceMsMax: 3_600_000,
  webhooksSeen: 20_000,
  /** How long PayPal tries to deliver one, and a day. */
  webhookRetriedMs: 4 * 24 * 3_600_000,
  /**
   * Stand-ins for secrets in one request; vendors ask for two or three. Each is 29 characters long and may
   * stand for a key of 3 000: a body of 16 MiB would leave as 1.7 GB.
   */
  standInsPerRequest: 100,
  /** Milliseconds to resolve a name. */
  lookupMs: 5_000,
  /** Milliseconds an instance uses the addresses of a name again, and names it remembers. */
  resolvedMs: 5_000,
  resolvedNames: 200,
  /** Addresses of one name that are tried one after the other; connectMs is shared among them. */
  connectAttempts: 3,
  /** Milliseconds to connect, to the first byte of an answer, and of an idle connection kept. */
  connectMs: 10_000,
  firstByteMs: 60_000,
  keepAliveMs: 4_000,
  redirects: 10,
  /** Milliseconds to wait for a small body to end before it is streamed: one more trip over the pipe. */
  inlineBodyWaitMs: 25,
  /** Bytes of a streamed body held before the remote has to wait; one read of a socket is 64 KiB. */
  heldBodyBytes: 256 * KIB,
  /** Addresses and ranges whose meaning is remembered: of all vendors together. */
  addressesKnown: 1_000,
  /** Milliseconds that a body nobody wants may take to end before its connection is closed. */
  discardMs: 2_000,
  /**
   * Characters of a URL's host with user and port: names have 253 at most. One of 8 000 whose marks are out
   * of order takes the parser 80 ms.
   */
  authorityChars: 1_000,
  /** Characters of a URL; number and characters of request headers; bytes of response headers. */
  urlChars: 16 * KIB,
  requestHeaders: 100,
  requestHeaderChars: 32 * KIB,
  responseHeaderBytes: 64 * KIB,
  /** Bytes of bodies, after decompression: streamed ones are bounded too, by what a panel ever sends. */
  requestBodyBytes: 2_048 * MIB,
  responseBodyBytes: 2_048 * MIB,
  /** Bytes that a compressed body may become: a few KB can claim to be gigabytes. */
  decodedBodyBytes: 256 * MIB,

  /** An extension's folder: files, bytes of one, bytes of all, folder depth. */
  folderFiles: 5_000,
  fileBytes: 8 * MIB,
  folderBytes: 64 * MIB,
  folderDepth: 32,
  /** Milliseconds of one build; a 770 KB dependency takes about 60 here. */
  buildMs: 20_000,
  /** Folders whose last build the builder keeps for a quick rebuild; esbuild holds a few MB for each. */
  keptBuilds: 32,
  /** Bytes of a finished bundle, dependencies included. */
  bundleBytes: 16 * MIB,
  /**
   * Bytes of a source map; of a longer one stacks show no places. The host takes 0.1 s and 20 MiB to read
   * one of this length, which half a MiB of an author's own code may have.
   */
  sourceMapBytes: 512 * KIB,
  /** Bytes of a kept build of the product's own files; the platform has about 1.4 MB. */
  ownBuildBytes: 32 * MIB,
  /** Bytes of manifest.json. */
  manifestBytes: 64 * KIB,
  /** Problems reported of one build or manifest. */
  problems: 20,
  /** Extensions over all roots. */
  extensions: 2_000,
  /** Instances of one extension. */
  instancesPerExtension: 100,

  /** Bytes of an HTTP request body, except an upload and a call's input. */
  httpBodyBytes: 1 * MIB,
  /** Bytes of an uploaded archive, nesting of a JSON body, milliseconds for a whole request to arrive. */
  archiveBytes: 16 * MIB,
  jsonDepth: 64,
  requestMs: 60_000,
  /** Milliseconds for its headers to arrive, and between two looks for requests that are too slow. */
  headersMs: 20_000,
  slowLookMs: 1_000,
  /** Tokens remembered between requests, and for how many milliseconds: another host may revoke one. */
  cachedTokens: 1_000,
  tokenCacheMs: 500,
  /** Milliseconds of a window in which requests are counted, and tokens or addresses counted at a time. */
  countWindowMs: 60_000,
  countedKeys: 10_000,
  /** Wrong tokens one address may send within the window before it has to wait. */
  authFailures: 20,
  /** Refusals and failed changes within the window that are audited of one token, and of all strangers. */
  auditedFailures: 100,
  auditedStrangers: 30,
  /** Requests of one token within the window, in one host: near what a host answers in all, so that none takes it all. */
  requestsPerMinute: 1_200_000,
  /** Characters of what a line of the audit is about: names and ids are far shorter. */
  subjectChars: 500,
  /** Extensions and instances that one token is narrowed to. */
  scopeEntries: 100,
  /** Places of the audit that one look goes over: SQLite takes 1 ms, 7 ms for a narrowed reader (measured). */
  auditLook: 10_000,
  /** Lines of the audit that an export holds at a time. */
  auditPage: 500,
  /** Milliseconds that lines of the audit are kept: a year and a month; and those of whoever had no token. */
  auditKeptMs: 396 * 86_400_000,
  auditStrangersKeptMs: 30 * 86_400_000,
  /** Lines of the audit that are forgotten at a time. */
  auditPurged: 5_000,
  /** Milliseconds between two heartbeats of an event stream: proxies cut silent ones after 30–60 s. */
  heartbeatMs: 15_000,
  /** Open server-sent-event streams, and lines buffered for a slow reader before it is cut off. */
  streams: 64,
  /** How many of them one token may hold: nobody keeps the others from the live logs. */
  streamsPerToken: 16,
  streamBufferLines: 1_000,
  /** Deliveries that run at a time in this host, and of one target: a slow one must not take every place. */
  deliveriesRunning: 32,
  deliveriesPerTarget: 8,
  /** Deliveries of one target that may wait, and their bytes; over it nothing is taken for it. */
  deliveriesWaiting: 10_000,
  deliveriesWaitingBytes: 512 * MIB,
  /** Milliseconds after a clock was set back in which waits are looked at: over `storeStatementMs`. */
  renewForMs: 60_000,
  /** Milliseconds between two looks for what is due; what this host adds itself is looked at at once. */
  deliveryPollMs: 1_000,
  /** Milliseconds from a word of another host to the look: its own look comes first, many words lead to one. */
  deliveryNoticeMs: 50,
  /**
   * Milliseconds a delivery is seen running before it is taken over, though its host seems to live: over
   * `wallMsMax`; and between two looks at what runs.
   */
  claimMs: 180_000,
  claimLookMs: 10_000,
  /** Waits after the 1st, 2nd, … failed attempt, in milliseconds, as webhook senders publish theirs. */
  deliveryBackoffMs: [
    5_000, 300_000, 1_800_000, 7_200_000, 18_000_000, 36_000_000, 36_000_000,
  ] as readonly number[],
  /** The longest wait that an extension may ask for before the next attempt. */
  deliveryRetryMsMax: 3_600_000,
  /** Milliseconds that the list of enabled instances is used again. */
  subscriptionsMs: 500,
  /** Milliseconds that ended deliveries are kept, and those given up; how many are forgotten at a time. */
  deliveryKeptMs: 7 * 86_400_000,
  deadLetterKeptMs: 30 * 86_400_000,
  deliveriesPurged: 5_000,
  /** Milliseconds between two clean-ups. */
  purgeEveryMs: 600_000,
  /** Bytes of an event's data, and of a webhook's raw body: vendors send a few KiB. */
  eventBytes: 256 * KIB,
  hookBodyBytes: 512 * KIB,
  /** Webhooks of one instance that wait, their bytes, that run in one host, and dead ones that are kept. */
  hooksWaiting: 1_000,
  hooksWaitingBytes: 64 * MIB,
  hooksRunning: 64,
  deadHooks: 200,
  /** Characters of all headers of a webhook that are kept; and of a handler's own reply to it. */
  hookHeaderChars: 32 * KIB,
  hookReplyChars: 64 * KIB,
  /** Milliseconds a vendor waits for the handler; after that it is told 202 and the work goes on. */
  hookWaitMs: 10_000,
  /** Milliseconds to the first question about a pending operation, the longest wait between two, and the last. */
  reconcileMs: 10_000,
  reconcileMsMax: 600_000,
  reconcileForMs: 86_400_000,
  /** Characters that are kept of a pending operation: its input, and what its extension wants remembered. */
  pendingChars: 2 * MIB,
  /** Milliseconds for the panel to take a message; a message is answered, not worked on, in it. */
  panelMs: 15_000,
  /**
   * Facts in one result: a busy day read back in one call. They are written in transactions of
   * `factsPerWrite`, so that no reader of the ledger waits for all of them.
   */
  factsPerResult: 8_000,
  factsPerWrite: 100,
  /** Characters of an id in a fact, and amounts remembered per invoice and instance. */
  factIdChars: 255,
  /** Refunds and disputes that refer to one payment: real ones have a few. */
  factsPerPayment: 1_000,
  asksPerInvoice: 20,

  /** Finished calls kept for `GET /calls` when the store keeps no recording. */
  recentCalls: 1_000,
  /** Instances that /metrics counts by name; the rest together, about 50 series for each of them. */
  meteredInstances: 500,
} as const;
