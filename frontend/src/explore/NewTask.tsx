/** A new task about the selected chips. */
import { Button, Modal, Stack, TagsInput, Text, TextInput } from "@mantine/core";
import { useMutation, useQueryClient } from "@tanstack/react-query";
import { useState } from "react";
import { useLocation } from "wouter";
import { api, get } from "../api/client";
import { newId } from "./ids";

interface NewTaskProps {
  opened: boolean;
  onClose: () => void;
  chips: readonly string[];
}

export function NewTask({ opened, onClose, chips }: NewTaskProps) {
  const [question, setQuestion] = useState("");
  const [classes, setClasses] = useState<string[]>(["yes", "no"]);
  const [id, setId] = useState(newId); // sent again, the task is made once
  const [, go] = useLocation();
  const queries = useQueryClient();
  const make = useMutation({
    mutationFn: () =>
      get(
        api.POST("/api/v1/tasks", {
          body: {
            id,
            question: question.trim(),
            classes,
            several: false,
            opinions: 1,
            guide: "",
            references: {},
            chips: chips.map((chip) => ({ chip, priority: 0 })),
          },
        }),
      ),
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
          <Text size="sm">{chips.length.toLocaleString()} chips will be asked about.</Text>
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
