// A real Chromium with a home of its own, a virtual authenticator (WebAuthn Level 3, section 11), and trust in just the
// roots that were installed for that home: certificate errors are never ignored.

import { existsSync } from 'node:fs';
import { mkdir } from 'node:fs/promises';
import { join } from 'node:path';
import { chromium, type BrowserContext, type CDPSession, type Page } from 'playwright-core';
import { until } from './program.ts';

const programs = ['/usr/bin/chromium-headless-shell', '/usr/bin/chromium', '/usr/bin/google-chrome'];

export const chromiumPath = programs.find((path) => existsSync(path));

export class Chromium {
  readonly page: Page;
  /** What the page complained of: a browser that is content has none. */
  readonly complaints: string[] = [];
  readonly #context: BrowserContext;
  readonly #cdp: CDPSession;
  readonly #authenticator: string;

  private constructor(parts: {
    context: BrowserContext;
    page: Page;
    cdp: CDPSession;
    authenticator: string;
  }) {
    this.page = parts.page;
    this.#context = parts.context;
    this.#cdp = parts.cdp;
    this.#authenticator = parts.authenticator;
    this.page.on('console', (message) => {
      if (message.type() === 'error') this.complaints.push(message.text());
    });
    this.page.on('pageerror', (error) => this.complaints.push(error.message));
  }

  /** `home`: whose .pki/nssdb says which roots are trusted. */
  static async start(home: string, size = { width: 1280, height: 800 }): Promise<Chromium> {
    await mkdir(home, { recursive: true });
    const context = await chromium.launchPersistentContext(join(home, 'chromium'), {
      ...(chromiumPath === undefined ? {} : { executablePath: chromiumPath }),
      args: process.getuid?.() === 0 ? ['--no-sandbox'] : [],
      env: { ...process.env, HOME: home },
      viewport: size,
    });
    const page = context.pages()[0] ?? (await context.newPage());
    const cdp = await context.newCDPSession(page);
    await cdp.send('WebAuthn.enable');
    const { authenticatorId } = await cdp.send('WebAuthn.addVirtualAuthenticator', {
      options: {
        protocol: 'ctap2',
        transport: 'internal',
        hasResidentKey: true,
        hasUserVerification: true,
        isUserVerified: true,
        automaticPresenceSimulation: true,
      },
    });
    return new Chromium({ context, page, cdp, authenticator: authenticatorId });
  }

  /** Whether the person at it shows finger or PIN when asked. */
  async verifies(isVerified: boolean): Promise<void> {
    const authenticatorId = this.#authenticator;
    await this.#cdp.send('WebAuthn.setUserVerified', { authenticatorId, isUserVerified: isVerified });
  }

  async resize(width: number): Promise<void> {
    await this.page.setViewportSize({ width, height: 800 });
  }

  async press(name: string | RegExp): Promise<void> {
    await this.page.getByRole('button', { name, exact: typeof name === 'string' }).click();
  }

  /** Fails where it never comes. */
  async shows(text: string | RegExp): Promise<void> {
    await until(`the page shows ${String(text)}`, async () => {
      const shown = await this.text();
      return typeof text === 'string' ? shown.includes(text) : text.test(shown);
    });
  }

  async text(): Promise<string> {
    return await this.page.locator('body').innerText();
  }

  /** Nothing sticks out to the side. */
  async fits(): Promise<boolean> {
    return await this.page.evaluate('document.documentElement.scrollWidth <= window.innerWidth');
  }

  async picture(path: string): Promise<void> {
    await this.page.screenshot({ path, fullPage: true });
  }

  async close(): Promise<void> {
    await this.#context.close();
  }
}
