// Another root takes the place of the one that everybody pinned, while links stay: the old one signs the new
// one's key, and whoever pinned the old one follows (wire/roots.ts). A new issuing CA and a keyset come with it;
// the old root's key is gone.
//
// As with the issuing CA, the keyset decides which of the two an interrupted rotation has become.

import { removeFile } from '../../platform/files.ts';
import { generateP256, storePrivateKey } from '../../platform/keys.ts';
import { openKeyset } from '../../wire/keyset.ts';
import { authority, createNewWithOld, createRoot } from './ca.ts';
import type { KeyFiles } from './key-files.ts';
import { rotateIssuing, type Rotation } from './rotate-issuing.ts';

const nextRoot = 'root.next.pem';
const nextRoots = 'roots.next.pem';

export async function rotateRoot(rotation: Rotation): Promise<void> {
  const { files, clock, random, root: old, keyset } = rotation;
  const { privateKey } = generateP256();
  const { trustDomain } = keyset;
  const root = await createRoot({ trustDomain, privateKey, now: clock.now(), random });
  const succession = rotation.succession.followedBy(await createNewWithOld(old, root, random));
  await files.writeText(nextRoots, succession.pem);
  await files.writeIdentity(nextRoot, { privateKey, certificates: [root.certificatePem] });
  await rotateIssuing({ ...rotation, root, succession });
  await finishRootRotation(files);
}

/** What an interrupted rotation left behind takes its place, or goes. */
export async function finishRootRotation(files: KeyFiles): Promise<void> {
  const next = await files.readIdentity(nextRoot);
  const [pem] = next?.certificates ?? [];
  if (next !== undefined && pem !== undefined) {
    const root = authority(pem, next.privateKey);
    const keyset = (await files.readText('keyset.txt'))?.trim() ?? '';
    if (openKeyset(keyset, root.certificate) !== undefined) {
      const roots = await files.readText(nextRoots);
      if (roots !== undefined) await files.writeText('roots.pem', roots);
      await storePrivateKey(files.path('root.key'), next.privateKey);
      await files.writeText('root.pem', root.certificatePem);
    }
  }
  await removeFile(files.path(nextRoot));
  await removeFile(files.path(nextRoots));
}
