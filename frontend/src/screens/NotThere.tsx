/** An address that leads nowhere. */
import { Button } from "@mantine/core";
import { Link } from "wouter";
import { Empty } from "../app/Notice";
import { Page } from "../app/Page";

export default function NotThere() {
  return (
    <Page title="Not there">
      <Empty
        title="There is no page at this address"
        action={
          <Button component={Link} href="/">
            Go to the project
          </Button>
        }
      >
        The link may be old, or may have been cut short.
      </Empty>
    </Page>
  );
}
