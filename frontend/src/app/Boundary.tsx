/** A page that breaks, or that could not be loaded, says so; the rest of the app stays. */
import { Alert, Button, Stack, Text } from "@mantine/core";
import { Component, type ReactNode } from "react";

export class Boundary extends Component<{ children: ReactNode }, { error: Error | null }> {
  override state = { error: null as Error | null };

  static getDerivedStateFromError(error: Error) {
    return { error };
  }

  override render() {
    const { error } = this.state;
    if (!error) return this.props.children;
    const unloaded = /dynamically imported|module script|preload/i.test(error.message);
    return (
      <Alert color="red" role="alert" title={unloaded ? "This page could not be loaded." : "This page has a defect."}>
        <Stack align="flex-start" gap="xs">
          <Text size="sm">
            {unloaded
              ? "The server did not answer, or the app was updated since you opened it."
              : `Your labels are safe. Please tell the people of Curator: ${error.message}`}
          </Text>
          <Button size="xs" variant="default" onClick={() => window.location.reload()}>
            Load it again
          </Button>
        </Stack>
      </Alert>
    );
  }
}
