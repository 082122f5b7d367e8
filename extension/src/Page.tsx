/** What both pages of the extension stand in: the app's colours, its queries and its notes in the corner. */
import { MantineProvider } from "@mantine/core";
import { Notifications } from "@mantine/notifications";
import { MutationCache, QueryClient, QueryClientProvider } from "@tanstack/react-query";
import type { ReactNode } from "react";
import { Fault } from "../../frontend/src/api/client";
import { theme } from "../../frontend/src/app/theme";
import { tell } from "./tell";

/** Notes say what went wrong and what to do about it, which takes longer to read than four seconds. */
const LEGIBLE_MILLISECONDS = 12_000;

const compact = { ...theme, scale: 0.9 };

/** The server may be on this computer: it answers without a network, too. */
const networkMode = "always";

const queries = new QueryClient({
  mutationCache: new MutationCache({ onError: (error, _variables, _result, { meta }) => meta?.shown || tell(error) }),
  defaultOptions: {
    queries: { networkMode, retry: (count, error) => count < 2 && !(error instanceof Fault), staleTime: 5_000 },
    mutations: { networkMode },
  },
});

export const Page = ({ children }: { children: ReactNode }) => (
  <MantineProvider theme={compact} defaultColorScheme="auto">
    <QueryClientProvider client={queries}>
      <Notifications position="bottom-center" limit={2} autoClose={LEGIBLE_MILLISECONDS} />
      {children}
    </QueryClientProvider>
  </MantineProvider>
);
