/** The frame of the app: who is here, where one can go, and what is going on. */
import { AppShell, NavLink, ScrollArea } from "@mantine/core";
import { useDisclosure } from "@mantine/hooks";
import { useQueryClient } from "@tanstack/react-query";
import { lazy, Suspense, useEffect, useRef } from "react";
import { Link, Route, Switch, useLocation } from "wouter";
import { useConnected } from "../api/live";
import { useJobNews } from "../jobs/useJobs";
import { Boundary } from "./Boundary";
import { Header } from "./Header";
import { menu } from "./menu";
import { Failed, Loading } from "./Notice";
import { useKeys } from "./useKeys";
import { useMay, useMe } from "./who";

const screens = {
  "/": lazy(() => import("../screens/Overview")),
  "/imagery": lazy(() => import("../screens/Imagery")),
  "/explore": lazy(() => import("../screens/Explore")),
  "/tasks": lazy(() => import("../screens/Tasks")),
  "/tasks/:task/label": lazy(() => import("../screens/Label")),
  "/tasks/:task/review": lazy(() => import("../screens/Review")),
  "/tasks/:task/insights": lazy(() => import("../screens/Insights")),
  "/train": lazy(() => import("../screens/Train")),
  "/datasets": lazy(() => import("../screens/Datasets")),
  "/share": lazy(() => import("../screens/Share")),
  "/settings": lazy(() => import("../screens/Settings")),
};
const NotThere = lazy(() => import("../screens/NotThere"));
const Activity = lazy(() => import("../jobs/Activity"));
const Palette = lazy(() => import("./Palette"));
const Help = lazy(() => import("./Help"));

export function Frame() {
  const [menuOpen, menuIs] = useDisclosure();
  const [activityOpen, activityIs] = useDisclosure();
  const [paletteOpen, paletteIs] = useDisclosure();
  const [helpOpen, helpIs] = useDisclosure();
  const [here, go] = useLocation();
  const connected = useConnected(useQueryClient());
  const me = useMe();
  useJobNews();
  useKeys({ palette: paletteIs.toggle, help: helpIs.open, activity: activityIs.open, go });
  useNewPage(here, menuIs.close);
  return (
    <AppShell
      header={{ height: 52 }}
      navbar={{ width: 220, breakpoint: "sm", collapsed: { mobile: !menuOpen } }}
      padding="md"
    >
      <button type="button" className="skip" onClick={focusMain}>
        Skip to the content
      </button>
      <AppShell.Header component="header">
        <Header
          connected={connected}
          menuOpen={menuOpen}
          toggleMenu={menuIs.toggle}
          openPalette={paletteIs.open}
          openActivity={activityIs.open}
        />
      </AppShell.Header>
      <AppShell.Navbar p="xs" component="nav" aria-label="Screens">
        <Menu here={here} close={menuIs.close} />
      </AppShell.Navbar>
      <AppShell.Main id="main" component="main" tabIndex={-1}>
        {me.isLoadingError ? (
          <Failed error={me.error} again={() => me.refetch()} />
        ) : (
          <Boundary key={here}>
            <Suspense fallback={<Loading />}>
              <Switch>
                {Object.entries(screens).map(([path, Screen]) => (
                  <Route key={path} path={path} component={Screen} />
                ))}
                <Route component={NotThere} />
              </Switch>
            </Suspense>
          </Boundary>
        )}
      </AppShell.Main>
      <Suspense fallback={null}>
        {activityOpen && <Activity opened close={activityIs.close} />}
        {paletteOpen && (
          <Palette opened close={paletteIs.close} showHelp={helpIs.open} showActivity={activityIs.open} />
        )}
        {helpOpen && <Help opened close={helpIs.close} />}
      </Suspense>
    </AppShell>
  );
}

function Menu({ here, close }: { here: string; close: () => void }) {
  const curator = useMay("curator");
  return (
    <ScrollArea>
      {menu
        .filter(({ role }) => curator || role !== "curator")
        .map(({ path, name, icon: Icon }) => (
          <NavLink
            key={path}
            component={Link}
            href={path}
            label={name}
            leftSection={<Icon size={18} stroke={1.6} aria-hidden />}
            active={path === "/" ? here === "/" : here.startsWith(path)}
            aria-current={here === path ? "page" : undefined}
            onClick={close}
          />
        ))}
    </ScrollArea>
  );
}

/** A button, not a link: with a <base>, "#main" would be an address of the start page. */
function focusMain() {
  document.getElementById("main")?.focus();
}

/** Who reads with ears hears where they are; the first page keeps the focus that the browser gave it. */
function useNewPage(here: string, closeMenu: () => void) {
  const before = useRef(here);
  useEffect(() => {
    if (before.current === here) return;
    before.current = here;
    closeMenu(); // who went back did not choose from it
    document.getElementById("main")?.focus({ preventScroll: true });
    window.scrollTo(0, 0);
  }, [here, closeMenu]);
}
