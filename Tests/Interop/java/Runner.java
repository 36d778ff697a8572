import java.io.BufferedReader;
import java.io.InputStreamReader;
import java.io.PrintWriter;
import java.io.StringWriter;
import java.lang.reflect.InvocationTargetException;
import java.lang.reflect.Method;
import java.util.Map;

/**
 * Runs cases for test_java.py, in one Java machine for all of them: reads lines
 * "Class.method bootstrap" and answers each with what the case printed or threw, and then a line
 * "= passed" or "= failed". A case that takes longer than a minute and a half has failed.
 */
class Runner {
    static final long MILLISECONDS = 90_000;

    public static void main(String[] arguments) throws Exception {
        BufferedReader lines = new BufferedReader(new InputStreamReader(System.in));
        for (String line; (line = lines.readLine()) != null; ) {
            String[] words = line.split(" ");
            String[] names = words[0].split("\\.");
            String text = run(names[0], names[1], words[1]);
            if (text != null) System.out.println(text);
            System.out.println(text == null ? "= passed" : "= failed");
            System.out.flush();
        }
        // Threads of cases that hung are left behind.
        Runtime.getRuntime().halt(0);
    }

    /** Null when the case passed, else why it did not. */
    private static String run(String className, String methodName, String bootstrap)
            throws Exception {
        Method method = Class.forName(className).getDeclaredMethod(methodName, Kit.class);
        Throwable[] thrown = new Throwable[1];
        Thread thread = new Thread(() -> {
            try (Kit kit = new Kit(bootstrap, className + "-" + methodName)) {
                method.invoke(null, kit);
            } catch (InvocationTargetException error) {
                thrown[0] = error.getCause();
            } catch (Throwable error) {
                thrown[0] = error;
            }
        }, methodName);
        thread.setDaemon(true);
        thread.start();
        thread.join(MILLISECONDS);
        if (thread.isAlive()) return "still running after " + MILLISECONDS + " ms" + stacks();
        if (thrown[0] == null) return null;
        StringWriter text = new StringWriter();
        thrown[0].printStackTrace(new PrintWriter(text));
        return text.toString();
    }

    private static String stacks() {
        StringBuilder text = new StringBuilder();
        for (Map.Entry<Thread, StackTraceElement[]> entry : Thread.getAllStackTraces().entrySet()) {
            text.append("\n").append(entry.getKey().getName());
            for (StackTraceElement element : entry.getValue()) text.append("\n    ").append(element);
        }
        return text.toString();
    }
}
