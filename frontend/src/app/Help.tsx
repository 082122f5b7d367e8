/** The shortcuts, shown by `?`. */
import { Modal } from "@mantine/core";
import { KeyTable } from "./KeyTable";

export default function Help({ opened, close }: { opened: boolean; close: () => void }) {
  return (
    <Modal
      opened={opened}
      onClose={close}
      title="Keyboard shortcuts"
      size="lg"
      closeButtonProps={{ "aria-label": "Close" }}
    >
      <KeyTable />
    </Modal>
  );
}
