// A notice: what somebody is told outside, by a webhook or by mail, and how often that was tried. It is in the store
// until it was delivered, so that a mail server that is down delays it and loses nothing.

export type NoticeAddress =
  /** Name of a webhook in notifications.yaml. */
  { readonly kind: 'webhook'; readonly name: string } | { readonly kind: 'mail'; readonly address: string };

export interface Notice {
  /** Of the event and the address: the same event tells the same person once. */
  readonly id: string;
  readonly tenant: string;
  /** The type of the event, for whoever sorts them. */
  readonly type: string;
  readonly to: NoticeAddress;
  /** One line. */
  readonly subject: string;
  readonly text: string;
  /** Where to look, in the console. */
  readonly link?: string;
  /** Unix ms. */
  readonly createdAt: number;
  readonly attempts: number;
  readonly nextAt: number;
  /** In words, of the last attempt. */
  readonly lastError?: string;
}
