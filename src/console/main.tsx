// The console: one page, whose places are below. Nothing is decided here; the broker answers every call anew.

import { QueryClient, QueryClientProvider } from '@tanstack/react-query';
import { createRootRoute, createRoute, createRouter, redirect, RouterProvider } from '@tanstack/react-router';
import { StrictMode } from 'react';
import { createRoot } from 'react-dom/client';
import { Approvers } from './pages/approvers.tsx';
import { Device } from './pages/device.tsx';
import { Enroll } from './pages/enroll.tsx';
import { Frame } from './pages/frame.tsx';
import { Locks } from './pages/locks.tsx';
import { Passkeys } from './pages/passkeys.tsx';
import { Provider } from './pages/provider.tsx';
import { Recover } from './pages/recover.tsx';
import { Request } from './pages/request.tsx';
import { Requests } from './pages/requests.tsx';
import { Sessions } from './pages/sessions.tsx';
import { StepUp } from './pages/step-up.tsx';
import './style.css';

const root = createRootRoute({ component: Frame });
const place = <P extends string>(path: P, component: () => React.ReactNode) =>
  createRoute({ getParentRoute: () => root, path, component });

const router = createRouter({
  routeTree: root.addChildren([
    createRoute({
      getParentRoute: () => root,
      path: '/',
      beforeLoad: () => {
        throw redirect({ to: '/requests' });
      },
    }),
    place('/enroll', Enroll),
    place('/device', Device),
    place('/provider', Provider),
    place('/recover', Recover),
    place('/requests', Requests),
    createRoute({ getParentRoute: () => root, path: '/requests/$id', component: Request }),
    createRoute({ getParentRoute: () => root, path: '/step-up/$id', component: StepUp }),
    place('/sessions', Sessions),
    place('/locks', Locks),
    place('/approvers', Approvers),
    place('/passkeys', Passkeys),
  ]),
});

declare module '@tanstack/react-router' {
  interface Register {
    router: typeof router;
  }
}

const queries = new QueryClient({
  defaultOptions: { queries: { retry: false, refetchInterval: 5_000, staleTime: 1_000 } },
});

const element = document.querySelector('#root');
if (element !== null) {
  createRoot(element).render(
    <StrictMode>
      <QueryClientProvider client={queries}>
        <RouterProvider router={router} />
      </QueryClientProvider>
    </StrictMode>,
  );
}
