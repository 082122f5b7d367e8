/** What went wrong, as a note in the corner: one sentence, and what can be done. */
import { notifications } from "@mantine/notifications";
import { asFault } from "../api/client";
import { sentence } from "./words";

export function tell(error: unknown) {
  const fault = asFault(error);
  notifications.show({
    id: `${fault.code} ${fault.message}`, // the same trouble is told once
    color: "red",
    title: sentence(fault.message),
    message: sentence(fault.hint),
    withBorder: true,
  });
}
