/** What both pages of the extension stand in: the app's colours, its queries and its notes in the corner. */
import { MantineProvider } from "@mantine/core";
import { Notifications } from "@mantine/notifications";
import { MutationCache, QueryClient, QueryClientProvider } from "@tanstack/react-query";
import type { ReactNode } from "react";
import { Fault } from "../../frontend/src/api/client";
import { tell } from "../../frontend/src/app/tell";
import { theme } from "../../frontend/src/app/theme";

const compact = { ...theme, scale: 0.9 };

const queries = new QueryClient({
  mutationCache: new MutationCache({ onError: (error, _variables, _result, { meta }) => meta?.shown || tell(error) }),
  defaultOptions: {
    queries: { retry: (count, error) => count < 2 && !(error instanceof Fault), staleTime: 5_000 },
  },
});

export const Page = ({ children }: { children: ReactNode }) => (
  <MantineProvider theme={compact} defaultColorScheme="auto">
    <QueryClientProvider client={queries}>
      <Notifications position="bottom-center" limit={2} />
      {children}
    </QueryClientProvider>
  </MantineProvider>
);
