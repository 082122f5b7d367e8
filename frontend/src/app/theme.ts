import { Alert, createTheme, Drawer, type MantineColorsTuple, Modal, Notification } from "@mantine/core";

/** Deep water to shallow: enough contrast (4.5:1) for white text from shade 6 on. */
const sea: MantineColorsTuple = [
  "#e8f4f6",
  "#d3e6ea",
  "#a5ccd5",
  "#74b1bf",
  "#4d9aac",
  "#2b7a8e",
  "#236b7e",
  "#1c5868",
  "#1c4e5e",
  "#0e3744",
];

/** Windows go at once: while one fades, its page would not hear the keys that are meant for it. */
const gone = { exitDuration: 0 };

/** Of the crosses that Mantine leaves without a name. */
const close = "Close";

export const theme = createTheme({
  colors: { sea },
  primaryColor: "sea",
  primaryShade: { light: 7, dark: 5 },
  autoContrast: true,
  respectReducedMotion: true,
  cursorType: "pointer",
  defaultRadius: "md",
  fontFamily: "system-ui, -apple-system, 'Segoe UI', Roboto, 'Noto Sans', sans-serif",
  components: {
    Alert: Alert.extend({ defaultProps: { closeButtonLabel: close } }),
    Notification: Notification.extend({ defaultProps: { closeButtonProps: { "aria-label": close } } }),
    Modal: Modal.extend({ defaultProps: { transitionProps: { duration: 200, transition: "fade-down", ...gone } } }),
    Drawer: Drawer.extend({ defaultProps: { transitionProps: gone } }),
  },
});
