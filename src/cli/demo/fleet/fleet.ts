// The fleet of the story.

export const fleetSize = 50;
/** One of them runs in a process of its own: the one that is copied. */
export const copiedDevice = 'pump-50';

export const fleetPolicy = `@id("operators-on-the-fleet")
@maxSession("30m")
permit (
  principal in Role::"operator",
  action in [Action::"discover", Action::"exec"],
  resource
);
`;
