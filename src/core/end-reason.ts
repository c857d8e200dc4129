// Why a session ended: the closed list of design section 6, with the words a person reads.

export const endReasons = [
  'exit',
  'idle',
  'deadline',
  'window',
  'ticket',
  'lock',
  'policy',
  'approver',
  'posture',
  'operator_gone',
  'device_gone',
  'recorder',
  'audit',
  'budget',
  'shutdown',
] as const;

export type EndReason = (typeof endReasons)[number];

const words: Readonly<Record<EndReason, string>> = {
  exit: 'the command or shell finished',
  idle: 'nothing was sent for the idle limit',
  deadline: 'the session reached the time it must end at',
  window: 'the maintenance window closed',
  ticket: 'its ticket was closed',
  lock: 'a lock was placed',
  policy: 'the policy no longer allows it',
  approver: 'an approval was withdrawn',
  posture: 'the device no longer meets the required posture',
  operator_gone: "the operator's connection was lost",
  device_gone: "the device's link was lost, or the device ended it",
  recorder: 'the recording could not be stored',
  audit: 'the audit log could not be written',
  budget: 'its budget was used up',
  shutdown: 'the broker was stopped or restarted',
};

/** The reason in words, lower case, for a sentence "ended: …". */
export function describeEndReason(reason: EndReason): string {
  return words[reason];
}

export function isEndReason(text: string): text is EndReason {
  return (endReasons as readonly string[]).includes(text);
}
