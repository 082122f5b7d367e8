/** A new task about the selected chips. */
import { Button, Modal, Stack, TagsInput, Text, TextInput } from "@mantine/core";
import { useMutation, useQueryClient } from "@tanstack/react-query";
import { useState } from "react";
import { useLocation } from "wouter";
import { api, get } from "../api/client";
import { newId } from "../app/ids";
import { count, many } from "../app/words";
import { idsOf } from "./items";

interface NewTaskProps {
  opened: boolean;
  onClose: () => void;
  chips: Uint32Array; // their numbers
}

const AT_ONCE = 10_000;

const asked = async (numbers: Uint32Array) => (await idsOf(numbers)).map((chip) => ({ chip, priority: 0 }));

export function NewTask({ opened, onClose, chips }: NewTaskProps) {
  const [question, setQuestion] = useState("");
  const [classes, setClasses] = useState<string[]>(["yes", "no"]);
  const [id, setId] = useState(newId); // sent again, the task is made once
  const [done, setDone] = useState(0);
  const [, go] = useLocation();
  const queries = useQueryClient();
  const make = useMutation({
    mutationFn: async () => {
      const made = await get(
        api.POST("/api/v1/tasks", {
          body: {
            id,
            question: question.trim(),
            classes,
            several: false,
            opinions: 1,
            guide: "",
            references: {},
            chips: await asked(chips.subarray(0, AT_ONCE)),
          },
        }),
      );
      const path = { task: made.task.id };
      for (let from = AT_ONCE; from < chips.length; from += AT_ONCE) {
        setDone(from);
        const more = await asked(chips.subarray(from, from + AT_ONCE));
        await get(api.POST("/api/v1/tasks/{task}/chips", { params: { path }, body: { chips: more } }));
      }
      return made;
    },
    onMutate: () => setDone(0),
    onSuccess: ({ task }) => {
      queries.invalidateQueries({ queryKey: ["tasks"] });
      setId(newId()); // the next one is another
      onClose();
      go(`/tasks/${task.id}/label`);
    },
  });
  return (
    <Modal opened={opened} onClose={onClose} title="Make a task from these chips" centered>
      <form
        onSubmit={(event) => {
          event.preventDefault();
          make.mutate();
        }}
      >
        <Stack>
          <Text size="sm" role="status">
            {make.isPending && done > 0
              ? `${count(done)} of ${many(chips.length, "chip")} are in the task…`
              : `${many(chips.length, "chip")} will be asked about.`}
          </Text>
          <TextInput
            label="Question"
            placeholder="Is there smoke?"
            value={question}
            onChange={(event) => setQuestion(event.currentTarget.value)}
            maxLength={500}
            required
            data-autofocus
          />
          <TagsInput
            label="Answers"
            description="Two or more. Press Enter after each."
            value={classes}
            onChange={setClasses}
            error={classes.length < 2 && "A task has at least two answers."}
          />
          <Button type="submit" loading={make.isPending} disabled={!question.trim() || classes.length < 2}>
            Make the task and label
          </Button>
        </Stack>
      </form>
    </Modal>
  );
}
