// Who is signed in here.

import { useQuery, useQueryClient } from '@tanstack/react-query';
import { call, Problem } from './api.ts';

const key = ['me'] as const;

export function useMe() {
  return useQuery({
    queryKey: key,
    queryFn: async () => {
      try {
        return await call('GET /v1/whoami', {});
      } catch (error) {
        if (error instanceof Problem && error.code === 'unauthenticated') return null;
        throw error;
      }
    },
    refetchInterval: 60_000,
  });
}

/** After a sign-in or a sign-out nothing that was read before holds. */
export function useFreshStart(): () => Promise<void> {
  const queries = useQueryClient();
  return async () => {
    queries.removeQueries({ predicate: ({ queryKey }) => queryKey[0] !== key[0] });
    await queries.invalidateQueries({ queryKey: key });
  };
}
