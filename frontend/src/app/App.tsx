/** The app: its theme, its queries, and which page stands at which address. */
import { MantineProvider } from "@mantine/core";
import { Notifications } from "@mantine/notifications";
import { MutationCache, QueryCache, QueryClient, QueryClientProvider } from "@tanstack/react-query";
import { Route, Router, Switch } from "wouter";
import { BASE, Fault } from "../api/client";
import { SignIn } from "../screens/SignIn";
import { Frame } from "./Frame";
import { usePrefs } from "./prefs";
import { tell } from "./tell";
import { theme } from "./theme";
import { useMe } from "./who";

/** The server may be on this machine: it answers without a network, too. */
const networkMode = "always";

/** Of what is shown already; that the server is away the bar at the top says. */
const isNews = (error: Error) => !(error instanceof Fault && error.code === "Offline");

const queries = new QueryClient({
  queryCache: new QueryCache({
    onError: (error, query) => query.state.data !== undefined && isNews(error) && tell(error),
  }),
  mutationCache: new MutationCache({ onError: (error, _variables, _result, { meta }) => meta?.shown || tell(error) }),
  defaultOptions: {
    queries: {
      networkMode,
      retry: (count, error) => count < 2 && !(error instanceof Fault && error.status > 0),
      staleTime: 5_000,
    },
    mutations: { networkMode },
  },
});

const compact = { ...theme, scale: 0.9 };

export function App() {
  const { density } = usePrefs();
  return (
    <MantineProvider theme={density === "compact" ? compact : theme} defaultColorScheme="auto">
      <QueryClientProvider client={queries}>
        <Notifications position="bottom-right" limit={4} />
        <Router base={BASE.replace(/\/$/, "")}>
          <Switch>
            <Route path="/join">
              <SignIn />
            </Route>
            <Route>
              <Known />
            </Route>
          </Switch>
        </Router>
      </QueryClientProvider>
    </MantineProvider>
  );
}

function Known() {
  const me = useMe();
  if (me.error instanceof Fault && me.error.status === 401) return <SignIn />;
  return <Frame />;
}
