// Every bound of the product, in one place (design rule 12). Units are in the names. A number that is
// not obvious carries its reason.

export const limits = {
  /** Front door: a ClientHello with post-quantum key shares is about 1.8 KiB; 16 KiB is one TLS record. */
  clientHelloMaxBytes: 16 * 1024,
  clientHelloTimeoutMs: 5_000,
  tlsHandshakeTimeoutMs: 10_000,
  /** From TLS done to the HTTP/2 preface and the first request of a peer. */
  firstRequestTimeoutMs: 10_000,
  unauthenticatedConnectionsMax: 1_024,
  unauthenticatedConnectionsPerAddressMax: 64,
  /** Link handshakes under way at once: a reconnect storm waits here, live sessions do not. */
  linkHandshakesMax: 64,

  /** An HTTP proxy on the way out: from its connection to its whole answer, and how long that may be. */
  proxyAnswerTimeoutMs: 10_000,
  proxyAnswerMaxBytes: 8 * 1024,
  proxyUrlMaxLength: 2_048,

  /** agent preflight: each thing that is waited for, and the idle time that it tries. */
  preflightStepMs: 8_000,
  natIdleDefaultMs: 5 * 60_000,

  /** Links. */
  pingIntervalMs: 15_000,
  peerDeadAfterMs: 45_000,
  reconnectMinMs: 1_000,
  reconnectMaxMs: 60_000,
  reconnectStableAfterMs: 30_000,
  /** A gate that sends its links away may ask them to stay away this long. */
  comeBackMaxMs: 60 * 60_000,
  /** A link or channel connection that was told to close may finish what it carries for this long. */
  drainMaxMs: 30_000,
  /** From the last stream of a closing connection to its end. */
  closeGraceMs: 1_000,
  /** What a peer may send ahead on one stream, at the start, and where the path is long or shared by many. */
  streamWindowBytes: 1024 * 1024,
  streamWindowMaxBytes: 16 * 1024 * 1024,
  streamWindowMinBytes: 32 * 1024,
  /** All streams of a connection together: beyond it each gets less. */
  streamWindowsTotalBytes: 128 * 1024 * 1024,
  /** How long a session may write without reading: see link/keep-reading.ts. */
  readAgainMs: 10,
  /** Unsent bytes of one direction of all streams of a connection together, before sources are paused. */
  streamBufferBytes: 512 * 1024,
  sessionWindowBytes: 16 * 1024 * 1024,
  /** On a link: a pass, an open, parameters, and the approvals that the device looks at itself. */
  headersMaxBytes: 32 * 1024,
  channelsPerLinkMax: 10_000,
  /** Small requests beside them, so that a lease gets through on a link that carries all it may. */
  asksPerLinkMax: 16,
  /** Stream resets we accept from one peer before its connection is closed: burst, then per second. */
  streamResetBurst: 4_000,
  streamResetPerSecond: 400,
  /** The same from a gate towards an agent: a lock may end every channel of a link at once. */
  linkResetBurst: 20_000,
  linkResetPerSecond: 4_000,
  /** What one HTTP/2 session may hold (MiB) in headers and in data that its peer does not read, before it refuses streams. */
  sessionMemoryMib: 256,
  /**
   * The same on a link, where a stream that is refused may be the lease of everybody's sessions: more than all
   * its channels can hold, each of them one piece of at most 256 KiB behind Node's 64 KiB.
   */
  linkMemoryMib: 4 * 1024,
  /** Malformed or unexpected frames of one session before it is closed. */
  invalidFramesMax: 100,
  settingsEntriesMax: 16,
  /** After a whole answer, the rest of its request may arrive this long before the stream is cut. */
  discardWithinMs: 5_000,
  headerPairsMax: 64,
  /** PING and SETTINGS frames a peer may send per second before its connection is closed. */
  controlFramesPerSecond: 100,

  /** Gate and authority. */
  heartbeatIntervalMs: 5_000,
  gateCutOffAfterMs: 15_000,
  leaseIntervalMs: 10_000,
  leaseLifeMs: 30_000,
  /** From hello to welcome on the agent: a longer delay is a gate that plays with time. */
  welcomeWithinMs: 30_000,
  controlRequestTimeoutMs: 10_000,
  /** An approver set is the longest. */
  localRequestMaxBytes: 80 * 1024,
  /** A gate without its authority asks for it this often: the socket is on the same machine. */
  controlReconnectMs: 100,
  /** A gate tells of ended channels together, at most this late; the log may lag by two seconds. */
  reportGatherMs: 100,
  /** Unsent orders of a gate that does not read: beyond it the gate is given up. */
  ordersQueueMaxBytes: 16 * 1024 * 1024,

  /** Sessions. */
  startWithinMs: 60_000,
  idleDefaultMs: 15 * 60_000,
  sessionDefaultMs: 8 * 60 * 60_000,
  sessionMaxMs: 24 * 60 * 60_000,
  sessionsPerIdentityMax: 1_000,
  /** One call that waits for a device; the command asks again. */
  deviceWaitMaxMs: 10 * 60_000,
  deviceWaitsMax: 1_000,
  deviceWaitsPerIdentityMax: 64,
  /** Connections of one identity to a gate: one for each session, and as many that are coming or going. */
  connectionsPerIdentityMax: 2_000,
  /** A teardown receipt that has not come by then never will: the session closes unconfirmed. */
  receiptWaitMs: 24 * 60 * 60_000,
  receiptSweepMs: 60_000,
  /** The agent remembers this many channel numbers below the highest one seen, per session. */
  replayWindow: 1_024,

  /** Keys and certificates of operators that are kept as they were read, for their next channel. */
  operatorKeysKept: 1_000,
  /** Answers of policy kept for each action, for the same question under the same revision. */
  decisionsKept: 1_000,

  /** Channel frames. 64 KiB keeps one frame within a few TLS records. */
  frameMaxBytes: 64 * 1024,
  argvMaxCount: 256,
  argvMaxBytes: 128 * 1024,
  filesRootsMax: 32,
  /** Requests of one files channel that may be under way: hides 50 ms at full speed with 256 KiB each. */
  filesRequestsInFlight: 64,
  /** cp: files open at once, so that small ones do not each wait for the way there and back. */
  filesAtOnce: 64,
  /** cp: what one copy may list before it begins: about 300 MiB of names. */
  filesPlannedMax: 1_000_000,
  /** exec --where: what is kept of each stream of each device. */
  fleetOutputMaxBytes: 1024 * 1024,
  fleetAtOnceDefault: 10,
  fleetAtOnceMax: 200,
  /** What the data of such requests may hold on the device before it reads no further. */
  filesWriteBytesHeld: 4 * 1024 * 1024,
  /** Reads under way at once, each with a buffer of 256 KiB: enough to keep a slow disk busy. */
  filesReadsAhead: 8,
  filesHandlesMax: 128,
  filesNamesPerReply: 128,
  /** As for the paths that policy sees; what stands deeper is reached by none. */
  filesPathMaxBytes: 4_096,
  /** Links followed on one path, as the kernel counts. */
  filesLinksMax: 40,
  /** Parameters travel in one header block, so they are smaller than what execve would take. */
  paramsMaxBytes: 8 * 1024,
  /** A lease may list every session of a link; what travels in headers is bounded by headersMaxBytes. */
  statementMaxBytes: 512 * 1024,
  /** After a hang-up a shell's processes get this long before SIGKILL. */
  terminateGraceMs: 200,
  teardownDeadlineMs: 5_000,
  /** Sessions on one device at a time. */
  sessionsPerDeviceMax: 1_000,
  /** Teardown receipts kept on the device until the broker took them; the oldest go first. */
  receiptsSpooledMax: 1_000,
  /** Of one welcome: missing receipts that the device is asked for. The rest with the next one. */
  receiptsAskedMax: 100,
  receiptRetryMs: 30_000,
  /** A stopping agent waits this long for a broker that does not answer; the receipts stay on the disk. */
  receiptStopWaitMs: 3_000,
  /** How long `agent status` waits for the agent on this machine. */
  localAnswerTimeoutMs: 3_000,
  /** How often a device looks at leases, deadlines and idle times while it carries sessions. */
  sessionLookMs: 250,
  channelsPerSessionMax: 1_000,
  /** The owner's agent.yaml: entries of one list. */
  ownerListMax: 256,
  /** How long an operator waits for consent on the device; his pass has to be used within startWithinMs. */
  consentWaitMs: 60_000,
  consentWaitingMax: 100,
  /** The longest that `agent allow` gives consent for. */
  consentMaxMs: 24 * 60 * 60_000,
  localConnectionsMax: 64,
  /** Who is in and who waits, at most sessionsPerDeviceMax of them. */
  localAnswerMaxBytes: 1024 * 1024,
  /** What a channel may hold of a command's stdin that the command does not read. */
  stdinHeldMaxBytes: 256 * 1024,

  /**
   * Forwards. From the resolving of a name to a connection, all its addresses together: within the time that
   * the gate waits (controlRequestTimeoutMs), so that the words are the device's.
   */
  tcpConnectTimeoutMs: 8_000,
  /** Of one name; more are not dialled. */
  addressesPerNameMax: 8,
  /** Live at once in one command; fewer than the device carries, where some of them may still be ending. */
  forwardConnectionsMax: 900,
  /** Accepted beyond it, and held unread until one of those ends. */
  forwardWaitingMax: 1_000,
  /** How often a forward that carries nothing asks whether its session lives. */
  forwardLookMs: 15_000,

  /** Credentials. */
  brokerAddressesMax: 8,
  enrollmentLifeMs: 60 * 60_000,
  /** Of a token for many devices: it lies in images and provisioning scripts. */
  fleetLifeMs: 30 * 24 * 60 * 60_000,
  fleetCountMax: 10_000,
  /** Names that are taken already and passed over for one device. */
  fleetNamesTriedMax: 1_000,
  deviceCertificateLifeMs: 60 * 60_000,
  humanCertificateLifeMs: 12 * 60 * 60_000,
  /** machine, ai_agent. */
  machineCertificateLifeMs: 15 * 60_000,
  gateCertificateLifeMs: 24 * 60 * 60_000,
  consoleCertificateLifeMs: 60 * 24 * 60 * 60_000,
  authorityCertificateLifeMs: 7 * 24 * 60 * 60_000,
  issuingCaLifeMs: 365 * 24 * 60 * 60_000,
  rootCaLifeMs: 20 * 365 * 24 * 60 * 60_000,
  /** Of a chain of roots, each signed by the one before: who pinned an older one joins anew. */
  rootsMax: 8,
  keysetLifeMs: 90 * 24 * 60 * 60_000,
  /** Renewal of a device certificate that failed: first and longest wait before the next try. */
  /** A device that comes back within this time of its certificate's end is free, after it in quarantine. */
  recoveryFreeMs: 30 * 24 * 60 * 60_000,
  /** After this it joins again: nobody has watched its key for more than a year. */
  recoveryMaxMs: 400 * 24 * 60 * 60_000,
  recoverAttemptsPerAddressPerMinute: 60,
  renewalRetryMinMs: 5_000,
  renewalRetryMaxMs: 5 * 60_000,
  /** Certificates start this much in the past, for clocks a little behind. */
  certificateBackdateMs: 60_000,
  /** A P-256 request is 270 bytes of PEM; a client that adds names and extensions still fits. */
  csrMaxBytes: 8 * 1024,
  redeemAttemptsPerAddressPerMinute: 20,

  /** Store and log. */
  commitQueueMax: 10_000,
  /** A copy or a check of the whole store. */
  snapshotMaxMs: 30 * 60_000,
  /** Records that the embedded store keeps in memory as they are on the disk. */
  rowsKept: 4_096,
  /** Sessions and devices are shorter; a policy of a megabyte is not read for every channel. */
  rowKeptMaxLength: 16 * 1024,
  reserveBytes: 1024 * 1024,
  auditPageMax: 1_000,
  eventBodyMaxBytes: 64 * 1024,
  policyTextMaxBytes: 1024 * 1024,
  policiesMax: 5_000,
  /** One policy: a fraction of what overflows the policy library's stack (authority/policy/complexity.ts). */
  policyNestingMax: 32,
  policyOperatorsMax: 128,
  policyTestCasesMax: 1_000,
  /** All banners that permitting policies demand, joined: they travel with a session's parameters. */
  bannerMaxLength: 4_000,

  /** API. */
  apiBodyMaxBytes: 2 * 1024 * 1024,
  /** A page of 1,000 events with large bodies is the longest answer. */
  apiAnswerMaxBytes: 64 * 1024 * 1024,
  apiPageDefault: 100,
  apiPageMax: 1_000,
  idempotencyKeepMs: 24 * 60 * 60_000,
  apiRequestTimeoutMs: 30_000,
  apiKeepAliveMs: 60_000,
  apiConnectionsMax: 2_048,
  /** Longest PROXY protocol v1 line, by its specification. */
  proxyLineMaxBytes: 107,
  idempotencyKeyMaxLength: 128,
  /** An idle connection that somebody measures: the longest, and how many at once. */
  idleProbeMaxMs: 30 * 60_000,
  idleProbesMax: 256,
  /** Writes that wait for their turn at a door that lets in one at a time. */
  turnsWaitingMax: 256,
  /** Addresses that a rate limit remembers at once. */
  addressesTrackedMax: 4_096,
  /** Refusals written as events one by one; more are counted, and the count is one event a minute. */
  refusalEventsPerAddressPerMinute: 10,
  refusalEventsPerMinute: 120,

  /** Names typed by people. */
  nameMaxLength: 63,
  reasonMaxLength: 1_000,
  labelsMax: 64,

  /** An access request that nobody decided is over. */
  requestLifeMs: 8 * 60 * 60_000,
  /** What was approved is used within this time of its start, or not at all. */
  grantWaitMs: 60 * 60_000,
  /** How far ahead access may be asked for. */
  requestAheadMaxMs: 30 * 24 * 60 * 60_000,
  /** Of one person, undecided or approved and not used. */
  requestsPerIdentityMax: 50,
  /** That one policy may ask for. */
  approversMax: 3,
  /** Notices: one try, between two of one, how long it is tried, how many wait, and how many are tried at once. */
  noticeTimeoutMs: 10_000,
  noticeRoundMs: 5_000,
  noticeRetryMs: 5_000,
  noticeRetryMaxMs: 15 * 60_000,
  noticeLifeMs: 24 * 60 * 60_000,
  noticesMax: 5_000,
  noticesAtOnce: 8,
  /** Changes that wait for a second administrator. */
  changesPerIdentityMax: 20,
  changeLifeMs: 24 * 60 * 60_000,
  /** Delegations: hops from the person on, how long, how many, on how many targets. */
  delegationDepthMax: 3,
  delegationLongestMs: 12 * 60 * 60_000,
  delegationsPerIdentityMax: 50,
  delegationTargetsMax: 50,
  /** Break-glass: keys, how long what it opens may last, and until when it is used, reviewed, and looked for. */
  breakGlassKeysMax: 16,
  breakGlassMaxMs: 30 * 60_000,
  breakGlassUseWithinMs: 10 * 60_000,
  breakGlassReviewMs: 24 * 60 * 60_000,
  breakGlassSweepMs: 60_000,
  breakGlassAlarmsMax: 20,
  sealedFileMaxBytes: 64 * 1024,
  sealedRequestLifeMs: 24 * 60 * 60_000,
  /** Clocks of the machines where they are made are not all right. */
  sealedRequestAheadMs: 10 * 60_000,
  /** On a device, by somebody who is there: how long the broker is asked first, and uses and recordings kept. */
  onSiteAskMs: 5_000,
  onSiteReportMaxBytes: 256 * 1024,
  /** How often the broker is asked, while a shell is open, whether a lock came. */
  onSiteLockLookMs: 2_000,
  onSiteUsesMax: 100,
  onSiteRecordingMaxBytes: 64 * 1024 * 1024,
  /** Output that waits for the recording's disk, before the shell is told to wait. */
  onSiteHeldBytes: 256 * 1024,
  onSiteSyncMs: 1_000,
  onSiteRetryMs: 30_000,
  /** Step-up: how old a policy may let a passkey's yes be; how long one is waited for, and good for its session. */
  mfaAgeMaxMs: 24 * 60 * 60_000,
  stepUpLifeMs: 5 * 60_000,
  stepUpsMax: 10_000,
  stepUpsPerIdentityMax: 20,
  stepUpsKept: 20_000,
  /** Approver sets of devices, and what a channel brings of approvals for the device to look at. */
  approverSetPersonsMax: 20,
  approverKeysPerPersonMax: 16,
  approverSetMaxBytes: 64 * 1024,
  approverSetLongestMs: 730 * 24 * 60 * 60_000,
  approverSetsKept: 100,
  approvalMaxBytes: 12 * 1024,
  /** Requests that a device remembers as used up; older ones are refused by their time. */
  usedRequestsMax: 10_000,
  approversReportMs: 10 * 60_000,
  requestSweepMs: 60_000,

  /** A browser's sign-in: as long as a working day, and left alone for this long at most. */
  /** What broker.yaml may say of how long a command's sign-in goes on. */
  signInLeastMs: 60 * 60_000,
  signInLongestMs: 30 * 24 * 60 * 60_000,
  signInLifeMs: 12 * 60 * 60_000,
  signInIdleMs: 60 * 60_000,
  signInsPerIdentityMax: 20,
  passkeysPerIdentityMax: 20,
  recoveryCodesCount: 10,
  /** A credential id is up to 1,023 bytes (WebAuthn Level 3, section 4). */
  passkeyIdMaxLength: 1_364,
  webauthnFieldMaxLength: 16_384,
  /** From the question to the authenticator's answer. */
  challengeLifeMs: 5 * 60_000,
  challengesMax: 10_000,
  challengesPerAddressPerMinute: 120,
  passkeyAttemptsPerAddressPerMinute: 30,
  ownTriesPerMinute: 10,
  /** An authenticator app is added so shortly after the key that asks was enrolled. */
  totpAddWithinMs: 15 * 60_000,
  totpPendingMs: 10 * 60_000,
  totpPendingMax: 1_000,
  totpTriesPerMinute: 5,
  /** Codes that commands show to be let in by a browser. */
  codeLifeMs: 10 * 60_000,
  codesMax: 1_000,
  codesPerAddressPerMinute: 10,
  codeLooksPerIdentityPerMinute: 20,

  requestCommandsMax: 16,
  commandLineMaxLength: 2_048,
  /** Of all of them and the paths as JSON: with the approvals they go in one header to the device. */
  requestScopeMaxBytes: 4_096,

  ticketsMax: 20_000,
  /** Closed, or past its window, for so long, a ticket is forgotten. */
  ticketKeptMs: 30 * 24 * 60 * 60_000,
  /** What a ticket's system said when it was asked counts for so long before it is asked again. */
  lookUpFreshMs: 5_000,
  lookUpLeastMs: 10_000,
  /** And so long for what is open, while it does not answer. */
  lookUpStaleMs: 10 * 60_000,
  lookUpsPerIdentityPerMinute: 60,
  lookUpsAtOnce: 8,
  ticketCoversMax: 200,
  webhookSecretMinLength: 24,
  webhookIdMaxLength: 128,
  webhookSignaturesMax: 4,
  /** Between the sender's clock and ours (Standard Webhooks suggests five minutes). */
  webhookSkewMs: 5 * 60_000,
  webhookAttemptsPerAddressPerMinute: 30,

  tenantsMax: 1_000,

  windowsMax: 500,
  windowLongestMs: 7 * 24 * 60 * 60_000,

  /** How long a machine may be known. */
  machineLifeMaxMs: 366 * 24 * 60 * 60_000,
  /** And how long somebody from a vendor, before it is said again. */
  vendorLifeMaxMs: 90 * 24 * 60 * 60_000,
  /** What `identities ls` points at. */
  nearExpiryMs: 14 * 24 * 60 * 60_000,
  unusedMs: 45 * 24 * 60 * 60_000,
  machineKeyOldMs: 90 * 24 * 60 * 60_000,
  assertionMaxLength: 16_384,
  svidBundleMaxLength: 32_768,
  svidBundleMaxCertificates: 8,
  /** Leaf and intermediates. */
  svidChainMaxCertificates: 5,
  ownAssertionMaxAgeMs: 5 * 60_000,
  assertionSkewMs: 30_000,
  workloadAttemptsPerAddressPerMinute: 60,
  /** One exchange with an authority that gives certificates; a hook that sets a DNS record; and after a failure. */
  acmeTimeoutMs: 30_000,
  acmeHookMaxMs: 5 * 60_000,
  acmeRetryMs: 15 * 60_000,
  acmeGateWaitMs: 500,
  acmeStopMs: 1_000,
  acmeRetryMaxMs: 12 * 60 * 60_000,
  providerTimeoutMs: 5_000,
  providerAnswerMaxBytes: 256 * 1024,
  providerKeysKeptMs: 10 * 60_000,
  providerKeysCooldownMs: 30_000,
  providersMax: 50,
  /** What a provider said of itself counts for so long. */
  providerKnownMs: 60 * 60_000,
  /** From leaving for a provider to coming back. */
  providerRoundMs: 10 * 60_000,
  /** How lately a provider has to have asked who it is, where it was told to ask again. */
  providerFreshMs: 5 * 60_000,
  /** A provider's word that somebody signed out, after it was made. */
  logoutMaxAgeMs: 5 * 60_000,
} as const;
